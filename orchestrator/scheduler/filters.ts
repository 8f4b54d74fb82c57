import type { NodeInfo } from "./node-info.ts";
import { fitsNodeAffinity } from "#orchestrator/machinery/node-affinity.ts";
import { type AffinityState, affinityReasons, checkAffinity } from "./pod-affinity.ts";
import type { PodInfo } from "./pod-info.ts";
import type { ResourceNames } from "./resources.ts";
import { untolerated } from "#orchestrator/machinery/taints.ts";
import { checkSpread, type SpreadConstraint, spreadReasons } from "./topology-spread.ts";

/** What has been worked out for a pod before nodes are looked at. */
export interface CycleState {
  readonly affinity: AffinityState | undefined;
  readonly spread: readonly SpreadConstraint[];
  /** Why its volumes keep it from a node. */
  readonly checkVolumes: ((node: NodeInfo) => string | undefined) | undefined;
}

export const reasons = {
  unschedulable: "node(s) were unschedulable",
  name: "node(s) didn't match the requested node name",
  taint: "node(s) had untolerated taint(s)",
  nodeAffinity: "node(s) didn't match Pod's node affinity/selector",
  ports: "node(s) didn't have free ports for the requested pod ports",
  pods: "Too many pods",
} as const;

/** What no pod that goes can change. */
export const unresolvable: ReadonlySet<string> = new Set([
  reasons.unschedulable,
  reasons.name,
  reasons.taint,
  reasons.nodeAffinity,
  affinityReasons.affinity,
  spreadReasons.label,
]);

const unschedulableTaint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" } as const;
const keepingAway = ["NoSchedule", "NoExecute"] as const;

/**
 * Why the pod cannot go to the node: all that it lacks, or the first other reason; none when it can.
 *
 * @see Kubernetes scheduler, filter plugins of the default profile
 */
export function whyNot(
  pod: PodInfo,
  node: NodeInfo,
  state: CycleState,
  names: ResourceNames,
): readonly string[] {
  const first = firstReason(pod, node);
  if (first !== undefined) return [first];
  const missing = whatIsMissing(pod, node, names);
  if (missing.length > 0) return missing;
  const last =
    state.checkVolumes?.(node) ??
    (state.spread.length > 0 ? checkSpread(node, state.spread) : undefined) ??
    (state.affinity === undefined ? undefined : checkAffinity(pod, node, state.affinity));
  return last === undefined ? none : [last];
}

const none: readonly string[] = [];

function firstReason({ pod, ports }: PodInfo, info: NodeInfo): string | undefined {
  const { node } = info;
  if (node === undefined) return reasons.name;
  const { taints = [], unschedulable } = node.spec ?? {};
  const { tolerations = [], nodeName = "" } = pod.spec;
  if (unschedulable === true && untolerated([unschedulableTaint], tolerations, keepingAway) !== undefined)
    return reasons.unschedulable;
  if (nodeName !== "" && nodeName !== info.name) return reasons.name;
  if (taints.length > 0 && untolerated(taints, tolerations, keepingAway) !== undefined) return reasons.taint;
  if (!fitsNodeAffinity(pod, node)) return reasons.nodeAffinity;
  return info.hasPortOf(ports) ? reasons.ports : undefined;
}

function whatIsMissing({ requests }: PodInfo, node: NodeInfo, names: ResourceNames): readonly string[] {
  let missing: string[] | undefined;
  if (node.pods.size + 1 > node.mostPods) missing = [reasons.pods];
  for (let at = 0; at < requests.length; at++) {
    const amount = requests[at] ?? 0;
    if (amount > 0 && amount > (node.allocatable[at] ?? 0) - (node.requested[at] ?? 0))
      (missing ??= []).push(`Insufficient ${names.nameOf(at)}`);
  }
  return missing ?? none;
}
