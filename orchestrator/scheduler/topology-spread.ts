import type { Pod, TopologySpreadConstraint } from "#api/kube/types/core-pods.ts";
import {
  type LabelRequirements,
  matchesLabels,
  requirementsOf,
} from "#orchestrator/machinery/label-selector.ts";
import { fitsNodeAffinity } from "#orchestrator/machinery/node-affinity.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import { untolerated } from "#orchestrator/machinery/taints.ts";

export interface SpreadConstraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly selector: LabelRequirements;
  readonly isSelf: boolean;
  /** Matching pods, by the value of the label. */
  readonly counts: Map<string, number>;
  readonly least: number;
}

export const spreadReasons = {
  skew: "node(s) didn't match pod topology spread constraints",
  label: "node(s) didn't match pod topology spread constraints (missing required label)",
} as const;

/** How the pod's constraints of a kind stand. */
export function spreadStateOf(
  { pod }: PodInfo,
  nodes: Iterable<NodeInfo>,
  when: TopologySpreadConstraint["whenUnsatisfiable"],
): readonly SpreadConstraint[] {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === when,
  );
  if (constraints.length === 0) return [];
  const all = [...nodes];
  return constraints.map((constraint) => stateOf(pod, constraint, constraints, all));
}

function stateOf(
  pod: Pod,
  constraint: TopologySpreadConstraint,
  constraints: readonly TopologySpreadConstraint[],
  nodes: readonly NodeInfo[],
): SpreadConstraint {
  const { topologyKey: key, maxSkew, minDomains = 1, matchLabelKeys = [] } = constraint;
  const own = pod.metadata.labels ?? {};
  const extra = matchLabelKeys.flatMap((name) =>
    own[name] === undefined ? [] : [{ key: name, operator: "in" as const, values: [own[name]] }],
  );
  const selector = [...(requirementsOf(constraint.labelSelector) ?? []), ...extra];
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const labels = node.node?.metadata.labels ?? {};
    if (!constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined)) continue;
    if (!isHonoured(pod, constraint, node)) continue;
    const value = labels[key] as string;
    let count = counts.get(value) ?? 0;
    for (const { pod: other } of node.pods.values()) if (isCounted(pod, other, selector)) count++;
    counts.set(value, count);
  }
  const least = counts.size < minDomains ? 0 : Math.min(...counts.values());
  return { key, maxSkew, selector, isSelf: matchesLabels(selector, own), counts, least };
}

function isCounted(pod: Pod, other: Pod, selector: LabelRequirements): boolean {
  return (
    other.metadata.namespace === pod.metadata.namespace &&
    other.metadata.deletionTimestamp === undefined &&
    matchesLabels(selector, other.metadata.labels)
  );
}

/** Whether the node's pods count at all. */
function isHonoured(pod: Pod, constraint: TopologySpreadConstraint, { node }: NodeInfo): boolean {
  if (node === undefined) return false;
  if ((constraint.nodeAffinityPolicy ?? "Honor") === "Honor" && !fitsNodeAffinity(pod, node)) return false;
  if (constraint.nodeTaintsPolicy !== "Honor") return true;
  return (
    untolerated(node.spec?.taints ?? [], pod.spec.tolerations ?? [], ["NoSchedule", "NoExecute"]) ===
    undefined
  );
}

/** Why the node does not do. */
export function checkSpread(node: NodeInfo, constraints: readonly SpreadConstraint[]): string | undefined {
  for (const { key, maxSkew, isSelf, counts, least } of constraints) {
    const value = node.node?.metadata.labels?.[key];
    if (value === undefined) return spreadReasons.label;
    if ((counts.get(value) ?? 0) + (isSelf ? 1 : 0) - least > maxSkew) return spreadReasons.skew;
  }
  return undefined;
}

/** The fewer matching pods there are around a node, the better: a number that is to be small. */
export function spreadCost(node: NodeInfo, constraints: readonly SpreadConstraint[]): number {
  let cost = 0;
  for (const { key, maxSkew, counts } of constraints) {
    const value = node.node?.metadata.labels?.[key];
    if (value !== undefined) cost += (counts.get(value) ?? 0) * Math.log(counts.size + 2) + (maxSkew - 1);
  }
  return cost;
}
