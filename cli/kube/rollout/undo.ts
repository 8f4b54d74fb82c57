import type { Deployment, ReplicaSet } from "#api/kube/types/apps.ts";
import type { PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { KubeFailure } from "../failure.ts";
import type { Kube } from "../session.ts";
import { type Patch, patchObject, type WriteHow } from "../write-object.ts";
import type { Revision } from "./revisions.ts";
import type { FoundObject } from "../read-objects.ts";

const hashLabel = "pod-template-hash";

/** Annotations that are the Deployment's own, and not of a revision. */
const ownAnnotations = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
  "deprecated.deployment.rollback.to",
]);

/** The revision to go back to: the one that is asked for, or with 0 the one before the last. @throws {KubeFailure} */
export function revisionToUndo(
  { object }: FoundObject,
  revisions: readonly Revision[],
  wanted: number,
): Revision {
  if (wanted > 0) {
    const found = revisions.find(({ number }) => number === wanted);
    if (found !== undefined) return found;
    throw new KubeFailure(`error: unable to find specified revision ${wanted} in history`);
  }
  const previous = revisions.at(-2);
  if (previous !== undefined) return previous;
  throw new KubeFailure(
    object.kind === "Deployment"
      ? `error: no rollout history found for deployment ${JSON.stringify(object.metadata?.name)}`
      : "error: no last revision to roll back to",
  );
}

/** Makes an object what it was at a revision; resolves to what to say of it. @throws {KubeFailure} */
export async function undo(
  kube: Kube,
  { object, target }: FoundObject,
  revision: Revision,
  wanted: number,
  how: WriteHow,
  signal: AbortSignal,
): Promise<string> {
  const deployment = object as unknown as Deployment;
  if (object.kind === "Deployment" && deployment.spec?.paused === true)
    throw new KubeFailure(
      "error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again",
    );
  const now = deployment.spec?.template;
  if (isSameJson(withoutHash(now), withoutHash(revision.template)))
    return `skipped rollback (current template already matches revision ${wanted})`;
  const patch =
    object.kind === "Deployment" ? deploymentPatch(deployment, revision) : revisionPatch(revision);
  try {
    await patchObject(kube, target, patch, how, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new KubeFailure(`error: failed restoring revision ${wanted}: ${messageOf(error)}`);
  }
  return "rolled back";
}

function deploymentPatch({ metadata }: Deployment, { kept, template }: Revision): Patch {
  const { metadata: of } = kept as unknown as ReplicaSet;
  const pick = (annotations: Readonly<Record<string, string>> | undefined, areOwn: boolean) =>
    Object.entries(annotations ?? {}).filter(([name]) => ownAnnotations.has(name) === areOwn);
  const annotations = Object.fromEntries([
    ...pick(metadata.annotations, true),
    ...pick(of.annotations, false),
  ]);
  const body = [
    { op: "replace", path: "/spec/template", value: withoutHash(template) },
    { op: "replace", path: "/metadata/annotations", value: annotations },
  ];
  return { type: "json", body };
}

function revisionPatch({ kept }: Revision): Patch {
  return { type: "strategic", body: kept["data"] };
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  if (template === undefined) return undefined;
  const { $patch: _directive, ...plain } = template as PodTemplateSpec & { readonly $patch?: string };
  const { [hashLabel]: _hash, ...labels } = plain.metadata?.labels ?? {};
  return { ...plain, metadata: { ...plain.metadata, labels } };
}
