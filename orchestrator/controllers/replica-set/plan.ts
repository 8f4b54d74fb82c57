import type { Pod, PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import { hasLabelsOf, isActive, isAvailable, isReady, isTerminating } from "../pods/pod-facts.ts";
import { inDeletionOrder } from "./pod-order.ts";

/** What a ReplicaSet and a ReplicationController have in common. */
export interface ReplicaSpec {
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly template: PodTemplateSpec | undefined;
}

export interface ReplicaStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly ReplicaCondition[];
}

export interface ReplicaCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export type ReplicaStep =
  | { readonly do: "create"; readonly count: number }
  | { readonly do: "delete"; readonly pods: readonly Pod[] };

/** So many pods are made or deleted at a time. */
const mostAtOnce = 500;

/**
 * What makes the pods as many as they should be.
 *
 * @param pods the active ones
 * @param related pods of the same owner as a whole, e.g. of all ReplicaSets of a Deployment
 */
export function planReplicas(
  spec: ReplicaSpec,
  pods: readonly Pod[],
  related: readonly Pod[],
  nowMs: number,
): ReplicaStep | undefined {
  const surplus = pods.length - spec.replicas;
  if (surplus < 0) return { do: "create", count: Math.min(-surplus, mostAtOnce) };
  if (surplus === 0) return undefined;
  return { do: "delete", pods: podsToDelete(pods, related, Math.min(surplus, mostAtOnce), nowMs) };
}

function podsToDelete(
  pods: readonly Pod[],
  related: readonly Pod[],
  count: number,
  nowMs: number,
): readonly Pod[] {
  if (count >= pods.length) return pods;
  const perNode = new Map<string, number>();
  for (const pod of related)
    if (isActive(pod)) {
      const node = pod.spec.nodeName ?? "";
      perNode.set(node, (perNode.get(node) ?? 0) + 1);
    }
  const rankOf = (pod: Pod) => perNode.get(pod.spec.nodeName ?? "") ?? 0;
  return inDeletionOrder(pods, { rankOf, nowMs }).slice(0, count);
}

/** What went wrong with a step. */
export interface ReplicaFailure {
  readonly reason: "FailedCreate" | "FailedDelete";
  readonly message: string;
}

/** What the status says about the pods. */
export function planStatus(
  spec: ReplicaSpec,
  pods: readonly Pod[],
  before: ReplicaStatus | undefined,
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaStatus {
  const active = pods.filter(isActive);
  const ready = active.filter(isReady);
  const available = ready.filter((pod) => isAvailable(pod, spec.minReadySeconds, nowMs));
  const conditions = planConditions(before?.conditions ?? [], failure, nowMs);
  return {
    ...(conditions.length === 0 ? {} : { conditions }),
    replicas: active.length,
    ...counts({
      fullyLabeledReplicas: active.filter((pod) => hasLabelsOf(pod, spec.template)).length,
      readyReplicas: ready.length,
      availableReplicas: available.length,
    }),
    terminatingReplicas: pods.filter(isTerminating).length,
  };
}

/** Numbers that are 0 are left out, as the API's are. */
export function counts<K extends string>(all: Readonly<Record<K, number>>): Partial<Record<K, number>> {
  const kept: Partial<Record<K, number>> = {};
  for (const name of Object.keys(all) as K[]) if (all[name] !== 0) kept[name] = all[name];
  return kept;
}

function planConditions(
  before: readonly ReplicaCondition[],
  failure: ReplicaFailure | undefined,
  nowMs: number,
): readonly ReplicaCondition[] {
  const isThere = before.some(({ type }) => type === "ReplicaFailure");
  if (failure === undefined) return before.filter(({ type }) => type !== "ReplicaFailure");
  if (isThere) return before;
  return [
    ...before,
    { type: "ReplicaFailure", status: "True", lastTransitionTime: timeText(nowMs), ...failure },
  ];
}
