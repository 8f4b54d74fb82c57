import { isStatus } from "#api/kube/status.ts";
import type { Context } from "../../context.ts";
import { bool, number } from "../../flags.ts";
import { describeObject } from "../describe/describe-object.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import { readObjects } from "../read-objects.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { findTargets, type ObjectTarget, type Target, targetFlags } from "../targets.ts";

export const describe = defineKubeCommand({
  usage: "(-f FILE | TYPE [NAME_PREFIX | -l LABELS] | TYPE/NAME) [flags]",
  about:
    "Shows objects in detail, with what belongs to them and what happened to them, as kubectl describe does.",
  flags: {
    ...targetFlags,
    "all-namespaces": bool("Of all namespaces", "A"),
    "show-events": bool("With what happened", undefined, { isOn: true, shownDefault: "true" }),
    "chunk-size": number("COUNT", "Objects of a request (default 500)"),
  },
  operands: [0, Infinity],
  complete: ["kube-type", "kube-object"],
  examples: [
    ["gantry describe pod web-0", "a pod, and its events"],
    ["gantry describe nodes", "all nodes"],
  ],
  async run(context, values, operands) {
    const { kube, out, err, signal } = context;
    const choice = { ...values, isEverywhere: values["all-namespaces"], takesAll: true };
    if (operands.length === 0 && values.filename.length === 0)
      throw new KubeFailure(
        'error: You must specify the type of resource to describe. Use "gantry api-resources" for a complete list of supported resources.',
      );
    const targets = await findTargets(kube, operands, choice, signal);
    const problems: unknown[] = [];
    let isFirst = true;
    for (const target of targets) {
      try {
        const { objects, isGuessed } = await objectsOf(context, target, values["chunk-size"]);
        for (const object of objects) {
          const text = await describeObject(
            kube,
            target.resource.group,
            object,
            values["show-events"],
            signal,
          );
          out.write(isGuessed ? `${text}\n` : isFirst ? text : `\n\n${text}`);
          isFirst = false;
        }
      } catch (error) {
        signal.throwIfAborted();
        problems.push(error);
      }
    }
    throwAll(problems);
    if (isFirst)
      err.write(`No resources found${values["all-namespaces"] ? "" : ` in ${kube.namespace} namespace.`}\n`);
    return 0;
  },
});

interface Found {
  readonly objects: readonly KubeFields[];
  /** Whether their names only start with the one that was given. */
  readonly isGuessed: boolean;
}

/** A name that there is none of may be the start of others. */
async function objectsOf(
  { kube, signal }: Context & { readonly kube: Kube },
  target: Target,
  chunkSize: number | undefined,
): Promise<Found> {
  const options = chunkSize === undefined ? {} : { chunkSize };
  try {
    return { objects: await readObjects(kube, target, options, signal), isGuessed: false };
  } catch (error) {
    if (target.is !== "object" || !isStatus(error, "NotFound")) throw error;
    const objects = await startingWith(kube, target, signal);
    if (objects.length === 0) throw error;
    return { objects, isGuessed: true };
  }
}

async function startingWith(
  kube: Kube,
  target: ObjectTarget,
  signal: AbortSignal,
): Promise<readonly KubeFields[]> {
  const { resource, namespace, name } = target;
  const where = namespace === undefined ? {} : { namespace };
  const all = await readObjects(
    kube,
    { is: "list", resource, ...where, labelSelector: "", fieldSelector: "" },
    {},
    signal,
  );
  return all.filter(({ metadata }) => metadata?.name?.startsWith(name) === true);
}
