import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "#api/kube/types/policy.ts";
import { scaledValue } from "#orchestrator/machinery/int-or-percent.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import { isFinished, isReady } from "../pods/pod-facts.ts";

/** So long an eviction that was agreed to may take until the pod is seen to go. */
const evictionTimeoutMs = 120_000;

/**
 * What a budget allows now.
 *
 * @param scale how many pods their controllers want all in all
 * @see Kubernetes, pod disruption budgets
 */
export function planBudget(
  budget: PodDisruptionBudget,
  all: readonly Pod[],
  scale: number,
  nowMs: number,
): PodDisruptionBudgetStatus {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const pods = all.filter((pod) => !isFinished(pod));
  let [expected, desired] = [pods.length, 0];
  if (maxUnavailable !== undefined) {
    expected = scale;
    desired = Math.max(0, expected - scaledValue(maxUnavailable, expected, "up"));
  } else if (typeof minAvailable === "number") desired = minAvailable;
  else if (minAvailable !== undefined) {
    expected = scale;
    desired = scaledValue(minAvailable, expected, "up");
  }
  const disrupted = stillDisrupted(budget.status?.disruptedPods ?? {}, pods, nowMs);
  const healthy = pods.filter(
    (pod) =>
      isReady(pod) &&
      pod.metadata.deletionTimestamp === undefined &&
      disrupted[pod.metadata.name ?? ""] === undefined,
  ).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  return {
    ...(Object.keys(disrupted).length > 0 && { disruptedPods: disrupted }),
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    disruptionsAllowed: allowed,
    observedGeneration: budget.metadata.generation ?? 0,
    conditions: [conditionOf(budget, allowed, nowMs)],
  };
}

function stillDisrupted(
  before: Readonly<Record<string, string>>,
  pods: readonly Pod[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [name, since] of Object.entries(before)) {
    const pod = pods.find(({ metadata }) => metadata.name === name);
    const isPending = pod !== undefined && pod.metadata.deletionTimestamp === undefined;
    if (isPending && timeOf(since) + evictionTimeoutMs > nowMs) kept[name] = since;
  }
  return kept;
}

function conditionOf(budget: PodDisruptionBudget, allowed: number, nowMs: number) {
  const type = "DisruptionAllowed";
  const before = budget.status?.conditions?.find((one) => one.type === type);
  const status = allowed > 0 ? "True" : "False";
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timeText(nowMs);
  const reason = allowed > 0 ? "SufficientPods" : "InsufficientPods";
  return {
    type,
    status,
    reason,
    message: "",
    lastTransitionTime,
    observedGeneration: budget.metadata.generation ?? 0,
  };
}
