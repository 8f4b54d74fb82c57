import { matchesTerm } from "#orchestrator/machinery/node-affinity.ts";
import type { NodeInfo } from "./node-info.ts";
import { affinityScores, type NamespaceLabels } from "./pod-affinity.ts";
import type { PodInfo } from "./pod-info.ts";
import { cpu, memory } from "./resources.ts";
import { untolerated } from "#orchestrator/machinery/taints.ts";
import { type SpreadConstraint, spreadCost } from "./topology-spread.ts";

/** The weights of upstream's default profile. */
const weights = {
  taints: 3,
  nodeAffinity: 2,
  spread: 2,
  podAffinity: 2,
  fit: 1,
  balance: 1,
  images: 1,
} as const;

export interface ScoreContext {
  readonly spread: readonly SpreadConstraint[];
  readonly all: Iterable<NodeInfo>;
  readonly labelsOf: NamespaceLabels;
  /** Whether any pod that is there says where it likes others. */
  readonly hasAffine: boolean;
  /** How many nodes there are, and how many have an image. */
  readonly nodeCount: number;
  readonly nodesWith: (image: string) => number;
}

/** How good each of the nodes is for the pod: each part from 0 to 100, times its weight. */
export function scoresOf(pod: PodInfo, nodes: readonly NodeInfo[], context: ScoreContext): Float64Array {
  const totals = new Float64Array(nodes.length);
  for (const [at, node] of nodes.entries())
    totals[at] =
      weights.fit * leastAllocated(pod, node) +
      weights.balance * balanced(pod, node) +
      images(pod, node, context);
  addNormalized(
    totals,
    weights.taints,
    nodes.map((node) => tolerable(pod, node)),
    true,
  );
  const preferred =
    pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  if (preferred.length > 0)
    addNormalized(
      totals,
      weights.nodeAffinity,
      nodes.map((node) => preference(pod, node)),
      false,
    );
  if (context.spread.length > 0)
    addBetween(
      totals,
      weights.spread,
      nodes.map((node) => -spreadCost(node, context.spread)),
    );
  if (context.hasAffine || pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0) {
    const affinity = affinityScores(pod, nodes, context.all, context.labelsOf);
    if (affinity !== undefined) addBetween(totals, weights.podAffinity, affinity);
  }
  return totals;
}

/** The greatest is 100; or the least, where little is good. */
function addNormalized(
  totals: Float64Array,
  weight: number,
  values: readonly number[],
  isReversed: boolean,
): void {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  for (const [at, value] of values.entries()) {
    const score = most === 0 ? 0 : Math.floor((100 * value) / most);
    totals[at] = (totals[at] ?? 0) + weight * (isReversed ? 100 - score : score);
  }
}

/** The least is 0, the greatest 100. */
function addBetween(totals: Float64Array, weight: number, values: readonly number[]): void {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least === most) return;
  for (const [at, value] of values.entries())
    totals[at] = (totals[at] ?? 0) + weight * ((100 * (value - least)) / (most - least));
}

function tolerable({ pod }: PodInfo, { node }: NodeInfo): number {
  const taints = node?.spec?.taints ?? [];
  if (taints.length === 0) return 0;
  const tolerations = pod.spec.tolerations ?? [];
  return taints.filter((taint) => untolerated([taint], tolerations, ["PreferNoSchedule"]) !== undefined)
    .length;
}

function preference({ pod }: PodInfo, { node }: NodeInfo): number {
  let sum = 0;
  for (const { preference: term, weight } of pod.spec.affinity?.nodeAffinity
    ?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    if (node !== undefined && matchesTerm(term, node)) sum += weight;
  return sum;
}

function leastAllocated({ scored }: PodInfo, node: NodeInfo): number {
  const [a, b] = [free(scored, node, cpu), free(scored, node, memory)];
  if (a === undefined) return b ?? 0;
  return b === undefined ? a : Math.floor((a + b) / 2);
}

/** How much is left of a resource, in percent; undefined when the node has none. */
function free(asked: readonly number[], node: NodeInfo, at: number): number | undefined {
  const capacity = node.allocatable[at] ?? 0;
  if (capacity === 0) return undefined;
  const used = (node.scored[at] ?? 0) + (asked[at] ?? 0);
  return used > capacity ? 0 : Math.floor(((capacity - used) * 100) / capacity);
}

function balanced({ requests }: PodInfo, node: NodeInfo): number {
  const [forCpu, forMemory] = [node.allocatable[cpu] ?? 0, node.allocatable[memory] ?? 0];
  if (forCpu === 0 || forMemory === 0) return 100;
  const a = Math.min(1, ((node.requested[cpu] ?? 0) + (requests[cpu] ?? 0)) / forCpu);
  const b = Math.min(1, ((node.requested[memory] ?? 0) + (requests[memory] ?? 0)) / forMemory);
  return Math.floor((1 - Math.abs(a - b) / 2) * 100);
}

const megabyte = 1024 * 1024;
const [smallest, greatest] = [23 * megabyte, 1000 * megabyte];

function images({ pod }: PodInfo, node: NodeInfo, { nodeCount, nodesWith }: ScoreContext): number {
  if ((node.node?.status?.images ?? []).length === 0) return 0;
  let sum = 0;
  for (const { image = "" } of pod.spec.containers) {
    const name = normalized(image);
    const size = node.imageSize(name);
    if (size > 0) sum += size * (nodesWith(name) / nodeCount);
  }
  const most = greatest * pod.spec.containers.length;
  const bounded = Math.min(Math.max(sum, smallest), most);
  return weights.images * Math.floor((100 * (bounded - smallest)) / (most - smallest));
}

function normalized(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
