import type { Deployment, ReplicaSet } from "#api/kube/types/apps.ts";
import { deployments } from "#client/kube/resources.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { controllerReference } from "../owner.ts";
import { hashOf, templateHashLabel, withoutHash } from "../template-hash.ts";
import { newReplicas, surgeOf } from "./rolling.ts";
import {
  desiredAnnotation,
  maxAnnotation,
  olderFirst,
  revisionAnnotation,
  revisionHistoryAnnotation,
  rollbackAnnotation,
  sizeOf,
} from "./sets.ts";

/** These tell of one object only. */
const ownAnnotations = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredAnnotation,
  maxAnnotation,
  rollbackAnnotation,
]);

/** The oldest ReplicaSet whose template is the Deployment's. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec.template);
  return sets
    .toSorted(olderFirst)
    .find(({ spec: { template } }) => template !== undefined && isSameJson(withoutHash(template), wanted));
}

export function revisionOf(object: Deployment | ReplicaSet): number {
  const text = object.metadata.annotations?.[revisionAnnotation];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** The next revision: one more than the newest of the old ones. */
export function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

/** The ReplicaSet that a Deployment's template asks for. */
export function newSetOf(deployment: Deployment, oldSets: readonly ReplicaSet[]): ReplicaSet {
  const { spec, metadata, status } = deployment;
  const hash = hashOf(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [templateHashLabel]: hash };
  const { matchLabels, ...others } = spec.selector;
  const bare: ReplicaSet = {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels,
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas: 0,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: { ...others, matchLabels: { ...matchLabels, [templateHashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
  const replicas = newReplicas(deployment, bare, [...oldSets, bare]);
  const annotations = { ...annotationsFor(deployment, bare, nextRevision(oldSets)), ...sizesOf(deployment) };
  return { ...bare, metadata: { ...bare.metadata, annotations }, spec: { ...bare.spec, replicas } };
}

/** The ReplicaSet with what it takes over from its Deployment, undefined when it has all of that. */
export function updatedSet(
  deployment: Deployment,
  set: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const annotations = annotationsFor(deployment, set, nextRevision(oldSets));
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  if (
    isSameJson(annotations, set.metadata.annotations ?? {}) &&
    minReadySeconds === (set.spec.minReadySeconds ?? 0)
  )
    return undefined;
  return { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, minReadySeconds } };
}

function annotationsFor(deployment: Deployment, set: ReplicaSet, revision: number): Record<string, string> {
  const annotations: Record<string, string> = { ...set.metadata.annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (!ownAnnotations.has(name)) annotations[name] = value;
  const before = annotations[revisionAnnotation];
  if (revisionOf(set) >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before === undefined) return annotations;
  const history = annotations[revisionHistoryAnnotation];
  annotations[revisionHistoryAnnotation] = history === undefined ? before : `${history},${before}`;
  return annotations;
}

/** What a ReplicaSet remembers of its Deployment's size, for scaling in proportion. */
export function sizesOf(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1;
  return {
    [desiredAnnotation]: String(replicas),
    [maxAnnotation]: String(replicas + surgeOf(deployment)),
  };
}

/** A ReplicaSet of another size. */
export function resized(deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet {
  const annotations = { ...set.metadata.annotations, ...sizesOf(deployment) };
  return { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
}

/** Whether the Deployment's size changed since its ReplicaSets were last looked at. */
export function isScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = set.metadata.annotations?.[desiredAnnotation];
    return sizeOf(set) > 0 && desired !== undefined && desired !== String(deployment.spec.replicas ?? 1);
  });
}

/** Old ones that are beyond what the history may keep, the oldest first. */
export function setsToForget(deployment: Deployment, oldSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  if (limit === undefined || limit === 0x7fff_ffff) return [];
  const alive = oldSets.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = alive
    .toSorted((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, Math.max(0, alive.length - limit));
  return surplus.filter(isUnused);
}

function isUnused({ metadata, spec, status }: ReplicaSet): boolean {
  const isSeen = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  return spec.replicas === 0 && (status?.replicas ?? 0) === 0 && isSeen;
}
