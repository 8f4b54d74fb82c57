import type { Context } from "../../context.ts";
import type { FlagValues } from "../../flags.ts";
import { KubeFailure } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import { readObjects } from "../read-objects.ts";
import type { Kube } from "../session.ts";
import { findTargets, type ObjectTarget, objectTarget, targetFlags } from "../targets.ts";

export interface RolloutObject {
  readonly target: ObjectTarget;
  readonly object: KubeFields;
}

/**
 * The objects that a command of `rollout` is about, as they are.
 *
 * @param onError told of each that cannot be read
 * @throws {KubeFailure} when none are named
 */
export async function rolloutObjects(
  { kube, signal }: Context & { readonly kube: Kube },
  operands: readonly string[],
  values: FlagValues<typeof targetFlags>,
  onError: (error: unknown) => void,
): Promise<readonly RolloutObject[]> {
  if (operands.length === 0 && values.filename.length === 0)
    throw new KubeFailure("error: required resource not specified");
  const found: RolloutObject[] = [];
  for (const whole of await findTargets(kube, operands, { ...values, takesAll: true }, signal)) {
    try {
      for (const object of await readObjects(kube, whole, {}, signal)) {
        const target =
          whole.is === "object" ? whole : objectTarget(kube, whole.resource, object.metadata?.name ?? "");
        found.push({ target, object });
      }
    } catch (error) {
      signal.throwIfAborted();
      onError(error);
    }
  }
  return found;
}
