import type { Pod, PodCondition, PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";

export function conditionOf(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod, "Ready")?.status === "True";
}

/** Has ended for good. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Neither ended nor being deleted. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Being deleted, but not ended yet. */
export function isTerminating(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined;
}

/** Has been ready for so long without a break. */
export function isAvailable(pod: Pod, minReadyS: number, nowMs: number): boolean {
  return availableInMs(pod, minReadyS, nowMs) === 0;
}

/** How long until the pod is available if it stays ready: 0 when it is, undefined when it is not ready. */
export function availableInMs(pod: Pod, minReadyS: number, nowMs: number): number | undefined {
  const ready = conditionOf(pod, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadyS === 0) return 0;
  return Math.max(0, timeOf(ready.lastTransitionTime) + minReadyS * 1000 - nowMs);
}

/** When the first of the pods becomes available that is not yet; undefined when none will by waiting. */
export function nextAvailableInMs(
  pods: readonly Pod[],
  minReadyS: number,
  nowMs: number,
): number | undefined {
  let next: number | undefined;
  for (const pod of pods) {
    const inMs = availableInMs(pod, minReadyS, nowMs);
    if (inMs !== undefined && inMs > 0 && (next === undefined || inMs < next)) next = inMs;
  }
  return next;
}

/** Whether the pod has all labels of the template. */
export function hasLabelsOf(pod: Pod, template: PodTemplateSpec | undefined): boolean {
  const labels = template?.metadata?.labels ?? {};
  return Object.entries(labels).every(([name, value]) => pod.metadata.labels?.[name] === value);
}

/** How often the container restarted that did so most. */
export function mostRestarts(pod: Pod): number {
  let most = 0;
  for (const { restartCount } of pod.status?.containerStatuses ?? []) most = Math.max(most, restartCount);
  return most;
}
