import type { StatefulSet, StatefulSetStatus } from "#api/kube/types/apps.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { scaledValue } from "#orchestrator/machinery/int-or-percent.ts";
import { isAvailable, isFinished, isReady } from "../pods/pod-facts.ts";
import { revisionLabel } from "../revisions.ts";
import { ordinalOf } from "./identity.ts";

export type SetStep =
  | { readonly do: "create"; readonly ordinal: number; readonly isUpdated: boolean }
  | { readonly do: "delete"; readonly pod: Pod };

export interface RevisionNames {
  readonly current: string;
  readonly update: string;
}

export function revisionOf({ metadata }: Pod): string {
  return metadata.labels?.[revisionLabel] ?? "";
}

function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === "Running" && isReady(pod);
}

function isHealthy(pod: Pod): boolean {
  return isRunningAndReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

/**
 * The next steps: the pods are made in the order of their numbers, removed and updated in the opposite one, each after the one
 * before is ready; all at once where the set is parallel.
 *
 * @see Kubernetes, StatefulSets: deployment and scaling guarantees
 */
export function planSet(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: RevisionNames,
  nowMs: number,
): readonly SetStep[] {
  if (set.metadata.deletionTimestamp !== undefined) return [];
  const start = set.spec.ordinals?.start ?? 0;
  const end = start + (set.spec.replicas ?? 1);
  const isParallel = set.spec.podManagementPolicy === "Parallel";
  const byOrdinal = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) byOrdinal.set(ordinal, pod);
  }
  const steps: SetStep[] = [];
  for (let ordinal = start; ordinal < end; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    const step = stepFor(set, pod, ordinal, revisions);
    if (step !== undefined) steps.push(step);
    const isWaiting =
      step !== undefined ||
      pod === undefined ||
      !isHealthy(pod) ||
      !isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
    if (!isParallel && isWaiting) return steps;
  }
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal < start || ordinal >= end)
    .toSorted(([a], [b]) => b - a);
  for (const [, pod] of condemned) {
    if (pod.metadata.deletionTimestamp === undefined) steps.push({ do: "delete", pod });
    if (!isParallel) return steps;
  }
  if (steps.length > 0) return steps;
  return planUpdate(set, byOrdinal, revisions, start, end);
}

function stepFor(
  set: StatefulSet,
  pod: Pod | undefined,
  ordinal: number,
  revisions: RevisionNames,
): SetStep | undefined {
  if (pod === undefined) return { do: "create", ordinal, isUpdated: !needsCurrent(set, revisions, ordinal) };
  if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined) return { do: "delete", pod };
  return undefined;
}

/** Below the partition pods stay what they were. */
function needsCurrent(
  { spec, status }: StatefulSet,
  { current, update }: RevisionNames,
  ordinal: number,
): boolean {
  if (current === update) return false;
  const start = spec.ordinals?.start ?? 0;
  if (spec.updateStrategy?.type === "OnDelete") return false;
  const partition = spec.updateStrategy?.rollingUpdate?.partition;
  return ordinal < start + (partition ?? status?.currentReplicas ?? 0);
}

function planUpdate(
  { spec }: StatefulSet,
  byOrdinal: ReadonlyMap<number, Pod>,
  { update }: RevisionNames,
  start: number,
  end: number,
): readonly SetStep[] {
  if (spec.updateStrategy?.type === "OnDelete") return [];
  const { partition = 0, maxUnavailable } = spec.updateStrategy?.rollingUpdate ?? {};
  const highestFirst = Array.from({ length: end - start }, (_, at) => byOrdinal.get(end - 1 - at));
  const updatable = highestFirst.slice(0, Math.max(0, end - start - partition));
  if (maxUnavailable !== undefined) {
    const most = Math.max(1, scaledValue(maxUnavailable, spec.replicas ?? 1, "down"));
    const unavailable = highestFirst.filter((pod) => pod === undefined || !isHealthy(pod)).length;
    return planUpdateOfSeveral(updatable, update, Math.max(0, most - unavailable));
  }
  for (const pod of updatable) {
    if (pod === undefined) return [];
    if (revisionOf(pod) !== update && pod.metadata.deletionTimestamp === undefined)
      return [{ do: "delete", pod }];
    if (!isHealthy(pod)) return [];
  }
  return [];
}

/** So many of the pods that are not updated, those of the highest numbers first. */
function planUpdateOfSeveral(
  highestFirst: readonly (Pod | undefined)[],
  update: string,
  most: number,
): readonly SetStep[] {
  return highestFirst
    .filter((pod) => pod !== undefined)
    .filter((pod) => revisionOf(pod) !== update && pod.metadata.deletionTimestamp === undefined)
    .slice(0, most)
    .map((pod) => ({ do: "delete", pod }));
}

/** Whether a pod goes for good, and not to be made anew. */
export function isScaledAway(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  const start = set.spec.ordinals?.start ?? 0;
  return ordinal === undefined || ordinal < start || ordinal >= start + (set.spec.replicas ?? 1);
}

/** What the status says about the pods. */
export function planStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  { current, update }: RevisionNames,
  nowMs: number,
): StatefulSetStatus {
  const living = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const ready = pods.filter(isRunningAndReady);
  const count = (revision: string) => living.filter((pod) => revisionOf(pod) === revision).length;
  const updated = count(update);
  const replicas = set.spec.replicas ?? 1;
  const isRolling = (set.spec.updateStrategy?.type ?? "RollingUpdate") === "RollingUpdate";
  const isDone = isRolling && updated === pods.length && updated === replicas && ready.length === replicas;
  const currentReplicas = isDone ? updated : count(current);
  const numbers = { readyReplicas: ready.length, currentReplicas, updatedReplicas: updated };
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0)),
    availableReplicas: ready.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length,
    currentRevision: isDone ? update : current,
    updateRevision: update,
    collisionCount: set.status?.collisionCount ?? 0,
  };
}
