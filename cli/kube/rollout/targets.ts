import type { Context } from "../../context.ts";
import type { FlagValues } from "../../flags.ts";
import { KubeFailure } from "../failure.ts";
import { findAllObjects, type FoundObject } from "../read-objects.ts";
import type { Kube } from "../session.ts";
import { findTargets, type targetFlags } from "../targets.ts";

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
): Promise<readonly FoundObject[]> {
  if (operands.length === 0 && values.filename.length === 0)
    throw new KubeFailure("error: required resource not specified");
  const targets = await findTargets(kube, operands, { ...values, takesAll: true }, signal);
  return await findAllObjects(kube, targets, onError, signal);
}
