import type { Node, NodeCondition, Taint } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";

const told = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/** The conditions of a node that has not been heard of in time: nothing of it is known any more. */
export function unknownConditions(node: Node, nowMs: number): readonly NodeCondition[] {
  const now = timeText(nowMs);
  const before = node.status?.conditions ?? [];
  const rest = before.filter(({ type }) => !told.includes(type));
  return [...rest, ...told.map((type) => unknown(type, before, node, now))];
}

function unknown(type: string, before: readonly NodeCondition[], node: Node, now: string): NodeCondition {
  const known = before.find((condition) => condition.type === type);
  if (known === undefined) {
    const message = "Kubelet never posted node status.";
    const lastHeartbeatTime = node.metadata.creationTimestamp ?? now;
    return {
      type,
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message,
      lastHeartbeatTime,
      lastTransitionTime: now,
    };
  }
  if (known.status === "Unknown") return known;
  const message = "Kubelet stopped posting node status.";
  return { ...known, status: "Unknown", reason: "NodeStatusUnknown", message, lastTransitionTime: now };
}

const ofConditions: readonly (readonly [string, string, string])[] = [
  ["Ready", "False", "node.kubernetes.io/not-ready"],
  ["Ready", "Unknown", "node.kubernetes.io/unreachable"],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
];
const unschedulable = "node.kubernetes.io/unschedulable";
const ownKeys = new Set([...ofConditions.map(([, , key]) => key), unschedulable]);
const evicting = new Set(["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);

/** The taints that the node should have by its conditions, with those that others gave it. Taints that stay keep their time. */
export function planTaints(node: Node, nowMs: number): readonly Taint[] {
  const before = node.spec.taints ?? [];
  const wanted: Taint[] = [];
  for (const [type, status, key] of ofConditions) {
    const condition = node.status?.conditions?.find((one) => one.type === type);
    if (condition?.status !== status) continue;
    wanted.push({ key, effect: "NoSchedule" });
    if (evicting.has(key)) wanted.push({ key, effect: "NoExecute", timeAdded: timeText(nowMs) });
  }
  if (node.spec.unschedulable === true) wanted.push({ key: unschedulable, effect: "NoSchedule" });
  const same = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
  const isOwn = (taint: Taint) =>
    ownKeys.has(taint.key) &&
    (taint.effect === "NoSchedule" || (taint.effect === "NoExecute" && evicting.has(taint.key)));
  const kept = before.filter((taint) => !isOwn(taint) || wanted.some((one) => same(one, taint)));
  return [...kept, ...wanted.filter((taint) => !before.some((one) => same(one, taint)))];
}

/**
 * How long the pod may stay on a node with these taints: undefined for ever, 0 not at all.
 *
 * @see Kubernetes, taint based evictions
 */
export function staysForS(pod: Pod, taints: readonly Taint[]): number | undefined {
  let least: number | undefined;
  for (const taint of taints) {
    if (taint.effect !== "NoExecute") continue;
    const fitting = (pod.spec.tolerations ?? []).filter(
      ({ key = "", effect = "", operator = "Equal", value = "" }) =>
        (effect === "" || effect === "NoExecute") &&
        (key === "" ? operator === "Exists" : key === taint.key) &&
        (operator === "Exists" || value === (taint.value ?? "")),
    );
    if (fitting.length === 0) return 0;
    for (const { tolerationSeconds } of fitting)
      if (tolerationSeconds !== undefined)
        least = Math.min(least ?? Number.POSITIVE_INFINITY, Math.max(0, tolerationSeconds));
  }
  return least;
}
