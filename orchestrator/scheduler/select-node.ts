import type { Cluster } from "./cluster.ts";
import { type CycleState, unresolvable, whyNot } from "./filters.ts";
import type { NodeInfo } from "./node-info.ts";
import { affinityStateOf, type NamespaceLabels } from "./pod-affinity.ts";
import type { PodInfo } from "./pod-info.ts";
import { scoresOf } from "./scores.ts";
import { spreadStateOf } from "./topology-spread.ts";

export type Selection =
  | { readonly is: "found"; readonly node: NodeInfo }
  | {
      readonly is: "none";
      readonly nodeCount: number;
      /** How many nodes have a reason. */
      readonly reasons: ReadonlyMap<string, number>;
      /** Where pods that go might help. */
      readonly resolvable: readonly NodeInfo[];
    };

export interface SelectContext {
  readonly cluster: Cluster;
  readonly labelsOf: NamespaceLabels;
  readonly checkVolumes: CycleState["checkVolumes"];
  /** Pods that wait for room that was made for them, by node. */
  readonly nominated: ReadonlyMap<string, ReadonlySet<PodInfo>>;
  readonly random: () => number;
  /** Where to begin, so that all nodes get their turn; counted on. */
  readonly start: { at: number };
}

/** Enough nodes that do are enough: all of up to 100, else a part that gets smaller the more there are. */
function mostNeeded(count: number): number {
  if (count < 100) return count;
  return Math.max(100, Math.floor((count * Math.max(5, 50 - count / 125)) / 100));
}

export function cycleStateOf(pod: PodInfo, { cluster, labelsOf, checkVolumes }: SelectContext): CycleState {
  const { nodes } = cluster;
  return {
    affinity: affinityStateOf(pod, nodes, cluster.antiAffine, labelsOf),
    spread: spreadStateOf(pod, nodes, "DoNotSchedule"),
    checkVolumes,
  };
}

/** The best of the nodes that do; of several that are as good, one by chance. */
export function selectNode(pod: PodInfo, context: SelectContext): Selection {
  const { cluster, start } = context;
  const { nodes } = cluster;
  const state = cycleStateOf(pod, context);
  const needed = mostNeeded(nodes.length);
  const feasible: NodeInfo[] = [];
  const reasons = new Map<string, number>();
  const resolvable: NodeInfo[] = [];
  let looked = 0;
  for (; looked < nodes.length && feasible.length < needed; looked++) {
    const node = nodes[(start.at + looked) % nodes.length] as NodeInfo;
    const why = whyNotWithNominated(pod, node, state, context);
    if (why.length === 0) feasible.push(node);
    else {
      for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (!why.some((reason) => unresolvable.has(reason))) resolvable.push(node);
    }
  }
  start.at = nodes.length === 0 ? 0 : (start.at + looked) % nodes.length;
  if (feasible.length === 0) return { is: "none", nodeCount: nodes.length, reasons, resolvable };
  return {
    is: "found",
    node: feasible.length === 1 ? (feasible[0] as NodeInfo) : best(pod, feasible, context),
  };
}

/** Room that was made for somebody at least as important is not taken. */
function whyNotWithNominated(
  pod: PodInfo,
  node: NodeInfo,
  state: CycleState,
  { cluster, nominated }: SelectContext,
): readonly string[] {
  const others = nominated.get(node.name);
  if (others === undefined) return whyNot(pod, node, state, cluster.names);
  const added = [...others].filter(
    (other) => other.key !== pod.key && other.priority >= pod.priority && !node.pods.has(other.key),
  );
  for (const other of added) node.add(other);
  const why = whyNot(pod, node, state, cluster.names);
  for (const other of added) node.remove(other.key);
  return why;
}

function best(
  pod: PodInfo,
  feasible: readonly NodeInfo[],
  { cluster, labelsOf, random }: SelectContext,
): NodeInfo {
  const scores = scoresOf(pod, feasible, {
    spread: spreadStateOf(pod, cluster.nodes, "ScheduleAnyway"),
    all: cluster.nodes,
    labelsOf,
    hasAffine: cluster.hasAffine,
    nodeCount: cluster.nodes.length,
    nodesWith: (image) => cluster.nodesWith(image),
  });
  let [found, ties] = [0, 1];
  for (let at = 1; at < scores.length; at++) {
    const [score, most] = [scores[at] ?? 0, scores[found] ?? 0];
    if (score > most) [found, ties] = [at, 1];
    else if (score === most && random() * ++ties < 1) found = at;
  }
  return feasible[found] as NodeInfo;
}

/** In the words of the API: how many nodes there are, and what is wrong with them. */
export function explain(nodeCount: number, reasons: ReadonlyMap<string, number>): string {
  const parts = [...reasons]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted((a, b) => (a < b ? -1 : 1));
  return `0/${nodeCount} nodes are available: ${parts.join(", ")}.`;
}
