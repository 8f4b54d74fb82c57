import type { Pod } from "#api/kube/types/core-pods.ts";
import { matchesLabels } from "#orchestrator/machinery/label-selector.ts";
import type { NodeInfo } from "./node-info.ts";
import type { AffinityTerm, PodInfo } from "./pod-info.ts";

type Labels = Readonly<Record<string, string>> | undefined;

/** How namespaces are labelled. */
export type NamespaceLabels = (namespace: string) => Labels;

/** How many pods, by `key=value` of a node's label. */
type Counts = Map<string, number>;

export interface AffinityState {
  /** Where pods are that keep this one away. */
  readonly repelled: Counts;
  readonly wanted: readonly Counts[];
  readonly unwanted: readonly Counts[];
  /** Whether the pod is the first of those that want to be together. */
  readonly isFirst: boolean;
}

export function matchesTerm(term: AffinityTerm, pod: Pod, labelsOf: NamespaceLabels): boolean {
  const namespace = pod.metadata.namespace ?? "";
  const isThere =
    term.namespaces.has(namespace) ||
    (term.namespaceSelector !== undefined && matchesLabels(term.namespaceSelector, labelsOf(namespace)));
  return isThere && term.selector !== undefined && matchesLabels(term.selector, pod.metadata.labels);
}

function count(counts: Counts, node: NodeInfo, key: string, by = 1): void {
  const value = node.node?.metadata.labels?.[key];
  if (value === undefined) return;
  const pair = `${key}=${value}`;
  counts.set(pair, (counts.get(pair) ?? 0) + by);
}

function countAt(counts: Counts, node: NodeInfo, key: string): number {
  const value = node.node?.metadata.labels?.[key];
  return value === undefined ? 0 : (counts.get(`${key}=${value}`) ?? 0);
}

/** What all nodes hold that concerns the pod; undefined when nothing does. */
export function affinityStateOf(
  pod: PodInfo,
  nodes: Iterable<NodeInfo>,
  someAntiAffine: Iterable<NodeInfo>,
  labelsOf: NamespaceLabels,
): AffinityState | undefined {
  const repelled: Counts = new Map();
  for (const node of someAntiAffine)
    for (const other of node.antiAffine)
      for (const term of other.antiAffinity)
        if (matchesTerm(term, pod.pod, labelsOf)) count(repelled, node, term.topologyKey);
  if (pod.affinity.length + pod.antiAffinity.length === 0)
    return repelled.size === 0 ? undefined : { repelled, wanted: [], unwanted: [], isFirst: false };
  const wanted = pod.affinity.map((): Counts => new Map());
  const unwanted = pod.antiAffinity.map((): Counts => new Map());
  for (const node of nodes)
    for (const { pod: other } of node.pods.values()) {
      // a pod must match all terms to count for one
      if (wanted.length > 0 && pod.affinity.every((term) => matchesTerm(term, other, labelsOf)))
        for (const [at, term] of pod.affinity.entries()) count(wanted[at] as Counts, node, term.topologyKey);
      for (const [at, term] of pod.antiAffinity.entries())
        if (matchesTerm(term, other, labelsOf)) count(unwanted[at] as Counts, node, term.topologyKey);
    }
  const isAlone = wanted.every((counts) => counts.size === 0);
  const isFirst = isAlone && pod.affinity.every((term) => matchesTerm(term, pod.pod, labelsOf));
  return { repelled, wanted, unwanted, isFirst };
}

export const affinityReasons = {
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  existing: "node(s) didn't satisfy existing pods anti-affinity rules",
} as const;

/** Why the node does not do. */
export function checkAffinity(pod: PodInfo, node: NodeInfo, state: AffinityState): string | undefined {
  const labels = node.node?.metadata.labels ?? {};
  for (const [at, { topologyKey }] of pod.affinity.entries()) {
    if (labels[topologyKey] === undefined) return affinityReasons.affinity;
    if (countAt(state.wanted[at] as Counts, node, topologyKey) === 0 && !state.isFirst)
      return affinityReasons.affinity;
  }
  for (const [at, { topologyKey }] of pod.antiAffinity.entries())
    if (countAt(state.unwanted[at] as Counts, node, topologyKey) > 0) return affinityReasons.antiAffinity;
  for (const pair of state.repelled.keys()) {
    const equals = pair.indexOf("=");
    if (labels[pair.slice(0, equals)] === pair.slice(equals + 1)) return affinityReasons.existing;
  }
  return undefined;
}

/** The weight that required affinity of pods that are there has for others that match it. */
const hardWeight = 1;

/** How much each node is liked for the pods that are around it; undefined when nothing says so. */
export function affinityScores(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  all: Iterable<NodeInfo>,
  labelsOf: NamespaceLabels,
): readonly number[] | undefined {
  const hasOwn = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0;
  const totals: Counts = new Map();
  for (const node of all) {
    for (const other of node.affine) {
      for (const term of other.affinity)
        if (matchesTerm(term, pod.pod, labelsOf)) count(totals, node, term.topologyKey, hardWeight);
      addWeights(totals, node, other, pod.pod, labelsOf);
    }
    if (hasOwn) for (const other of node.pods.values()) addWeights(totals, node, pod, other.pod, labelsOf);
  }
  if (totals.size === 0) return undefined;
  const keys = new Set([...totals.keys()].map((pair) => pair.slice(0, pair.indexOf("="))));
  return nodes.map((node) => {
    let sum = 0;
    for (const key of keys) sum += countAt(totals, node, key);
    return sum;
  });
}

function addWeights(
  totals: Counts,
  node: NodeInfo,
  of: PodInfo,
  other: Pod,
  labelsOf: NamespaceLabels,
): void {
  for (const term of of.preferredAffinity)
    if (matchesTerm(term, other, labelsOf)) count(totals, node, term.topologyKey, term.weight);
  for (const term of of.preferredAntiAffinity)
    if (matchesTerm(term, other, labelsOf)) count(totals, node, term.topologyKey, -term.weight);
}
