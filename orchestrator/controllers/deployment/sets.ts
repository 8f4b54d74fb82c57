import type { ReplicaSet } from "#api/kube/types/apps.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";

const prefix = "deployment.kubernetes.io";
export const revisionAnnotation = `${prefix}/revision`;
export const revisionHistoryAnnotation = `${prefix}/revision-history`;
export const desiredAnnotation = `${prefix}/desired-replicas`;
export const maxAnnotation = `${prefix}/max-replicas`;
export const rollbackAnnotation = "deprecated.deployment.rollback.to";

export function sizeOf(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

export function sumOf(sets: readonly ReplicaSet[], valueOf: (set: ReplicaSet) => number | undefined): number {
  return sets.reduce((sum, set) => sum + (valueOf(set) ?? 0), 0);
}

export function olderFirst(a: ReplicaSet, b: ReplicaSet): number {
  const difference = timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp);
  return difference || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);
}
