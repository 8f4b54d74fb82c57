import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";
import { conditionOf, isReady, mostRestarts } from "../pods/pod-facts.ts";

/** What pods are chosen by. */
export interface PodOrder {
  /** How many related pods the pod's node has: where there are more, one goes first. */
  rankOf(pod: Pod): number;
  readonly nowMs: number;
}

const phases = ["Pending", "Unknown", "Running"];

/**
 * The pods in the order in which they are given up: unassigned, pending, not ready, cheap to delete, doubled on a node, ready
 * for a shorter time, restarted more often, newer. Times count by their order of magnitude, so that not always the newest go.
 *
 * @see Kubernetes, ReplicaSet: scaling down a ReplicaSet
 */
export function inDeletionOrder(pods: readonly Pod[], order: PodOrder): Pod[] {
  return pods.toSorted((a, b) => compare(a, b, order));
}

function compare(a: Pod, b: Pod, order: PodOrder): number {
  return (
    Number(hasNode(a)) - Number(hasNode(b)) ||
    phaseRank(a) - phaseRank(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    order.rankOf(b) - order.rankOf(a) ||
    compareReadiness(a, b, order.nowMs) ||
    mostRestarts(b) - mostRestarts(a) ||
    compareAge(a, b, order.nowMs)
  );
}

function hasNode(pod: Pod): boolean {
  return (pod.spec.nodeName ?? "") !== "";
}

function phaseRank(pod: Pod): number {
  return phases.indexOf(pod.status?.phase ?? "Pending");
}

/** @see controller.kubernetes.io/pod-deletion-cost */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"];
  return text !== undefined && /^(0|-?[1-9]\d{0,9})$/.test(text) ? Number(text) : 0;
}

function compareReadiness(a: Pod, b: Pod, nowMs: number): number {
  if (!isReady(a) || !isReady(b)) return 0;
  return compareTimes(readySince(a), readySince(b), a, b, nowMs);
}

function compareAge(a: Pod, b: Pod, nowMs: number): number {
  return compareTimes(
    timeOf(a.metadata.creationTimestamp),
    timeOf(b.metadata.creationTimestamp),
    a,
    b,
    nowMs,
  );
}

function readySince(pod: Pod): number {
  return timeOf(conditionOf(pod, "Ready")?.lastTransitionTime);
}

/** The younger first; what is of one order of magnitude is told apart by uid. */
function compareTimes(aMs: number, bMs: number, a: Pod, b: Pod, nowMs: number): number {
  if (aMs === bMs) return 0;
  if (aMs === 0 || bMs === 0) return aMs === 0 ? -1 : 1;
  const difference = magnitude(nowMs - aMs) - magnitude(nowMs - bMs);
  return difference || ((a.metadata.uid ?? "") < (b.metadata.uid ?? "") ? -1 : 1);
}

function magnitude(ms: number): number {
  return ms <= 0 ? 0 : Math.floor(Math.log2(ms));
}
