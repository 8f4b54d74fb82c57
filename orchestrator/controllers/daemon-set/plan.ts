import type { DaemonSet, DaemonSetStatus } from "#api/kube/types/apps.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod, PodSpec, Toleration } from "#api/kube/types/core-pods.ts";
import { scaledValue } from "#orchestrator/machinery/int-or-percent.ts";
import { fitsNodeAffinity } from "#orchestrator/machinery/node-affinity.ts";
import { untolerated } from "#orchestrator/machinery/taints.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";
import { isAvailable, isReady } from "../pods/pod-facts.ts";
import { revisionLabel } from "../revisions.ts";

export interface DaemonPlan {
  /** Names of nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  readonly status: DaemonSetStatus;
}

/** @see Kubernetes, DaemonSet: taints and tolerations */
const ownTolerations: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const ofHostNetwork: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** The set's pods tolerate what they are there to work through. */
export function withTolerations(spec: PodSpec): PodSpec {
  const added = spec.hostNetwork === true ? [...ownTolerations, ofHostNetwork] : ownTolerations;
  const kept = spec.tolerations ?? [];
  const missing = added.filter(
    (one) =>
      !kept.some(
        (other) => other.key === one.key && other.effect === one.effect && other.operator === one.operator,
      ),
  );
  return { ...spec, tolerations: [...kept, ...missing] };
}

/** The pod is for this node and no other: the scheduler binds it. */
export function forNode(spec: PodSpec, node: string): PodSpec {
  const field = { key: "metadata.name", operator: "In", values: [node] } as const;
  const { requiredDuringSchedulingIgnoredDuringExecution: required, ...affinity } =
    spec.affinity?.nodeAffinity ?? {};
  const terms = required?.nodeSelectorTerms.map((term) => ({ ...term, matchFields: [field] })) ?? [
    { matchFields: [field] },
  ];
  const nodeAffinity = {
    ...affinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
  };
  return { ...spec, affinity: { ...spec.affinity, nodeAffinity } };
}

/** The node that a pod of a set is, or is going to be, on. */
export function nodeOf({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? "") !== "") return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values = [] } of matchFields)
      if (key === "metadata.name" && operator === "In" && values.length === 1) return values[0];
  return undefined;
}

/** Whether a pod belongs on the node, and whether one that is there may stay. */
export function fitsNode(set: DaemonSet, node: Node): { readonly runs: boolean; readonly stays: boolean } {
  const spec = withTolerations(set.spec.template.spec ?? { containers: [] });
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: {}, spec };
  if ((spec.nodeName ?? "") !== "" && spec.nodeName !== node.metadata.name)
    return { runs: false, stays: false };
  if (!fitsNodeAffinity(pod, node)) return { runs: false, stays: false };
  const [taints, tolerations] = [node.spec.taints ?? [], spec.tolerations ?? []];
  return {
    runs: untolerated(taints, tolerations, ["NoSchedule", "NoExecute"]) === undefined,
    stays: untolerated(taints, tolerations, ["NoExecute"]) === undefined,
  };
}

type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

/** What brings one pod to every node that is to have one, and what the status says. @param hash of the template as it is now */
export function planDaemons(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  hash: string,
  nowMs: number,
): DaemonPlan {
  const byNode = Map.groupBy(pods, (pod) => nodeOf(pod) ?? "");
  const create: string[] = [];
  const remove: Pod[] = [];
  const wanted: string[] = [];
  let misscheduled = 0;
  const surges = surgeOf(set, nodes.length) > 0;
  for (const node of nodes) {
    const name = node.metadata.name ?? "";
    const { runs, stays } = fitsNode(set, node);
    const there = byNode.get(name) ?? [];
    if (runs) wanted.push(name);
    else if (there.length > 0) misscheduled++;
    const failed = there.filter(
      ({ status, metadata }) => status?.phase === "Failed" && metadata.deletionTimestamp === undefined,
    );
    remove.push(...failed);
    const rest = there.filter((pod) => !failed.includes(pod));
    const living = rest.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (!stays) remove.push(...living);
    else if (runs && there.length === 0) create.push(name);
    else if (living.length > 1) remove.push(...surplus(living, surges, hash, set, nowMs));
  }
  const known = new Set(nodes.map(({ metadata }) => metadata.name));
  for (const [node, left] of byNode)
    if (!known.has(node))
      remove.push(
        ...left.filter(
          ({ spec, metadata }) => (spec.nodeName ?? "") === "" && metadata.deletionTimestamp === undefined,
        ),
      );
  const rolled =
    create.length + remove.length === 0
      ? planRolling(set, wanted, byNode, hash, nowMs)
      : { create: [], remove: [] };
  return {
    create: [...create, ...rolled.create],
    remove: [...remove, ...rolled.remove],
    status: statusOf(set, wanted, byNode, misscheduled, hash, nowMs),
  };
}

function isNew(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[revisionLabel] === hash;
}

/** The oldest stays; of two in an update the old one goes as soon as the new one is available. */
function surplus(
  living: readonly Pod[],
  surges: boolean,
  hash: string,
  set: DaemonSet,
  nowMs: number,
): readonly Pod[] {
  const byAge = living.toSorted(
    (a, b) => timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp),
  );
  const [newOnes, oldOnes] = [
    byAge.filter((pod) => isNew(pod, hash)),
    byAge.filter((pod) => !isNew(pod, hash)),
  ];
  if (!surges || newOnes.length === 0 || oldOnes.length === 0) return byAge.slice(1);
  const [first] = newOnes;
  const isReplaced = first !== undefined && isAvailable(first, set.spec.minReadySeconds ?? 0, nowMs);
  return isReplaced ? [...oldOnes, ...newOnes.slice(1)] : [...oldOnes.slice(1), ...newOnes.slice(1)];
}

function surgeOf({ spec }: DaemonSet, count: number): number {
  return scaledValue(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, count, "up");
}

function planRolling(
  set: DaemonSet,
  wanted: readonly string[],
  byNode: PodsByNode,
  hash: string,
  nowMs: number,
): { readonly create: readonly string[]; readonly remove: readonly Pod[] } {
  const { updateStrategy, minReadySeconds = 0 } = set.spec;
  if (updateStrategy?.type === "OnDelete") return { create: [], remove: [] };
  const surge = surgeOf(set, wanted.length);
  const isGood = (pod: Pod) =>
    pod.metadata.deletionTimestamp === undefined && isAvailable(pod, minReadySeconds, nowMs);
  const onNode = (node: string) => byNode.get(node) ?? [];
  const old = wanted
    .flatMap(onNode)
    .filter((pod) => !isNew(pod, hash) && pod.metadata.deletionTimestamp === undefined);
  const bad = old.filter((pod) => !isGood(pod));
  const good = old.filter(isGood);
  if (surge > 0) {
    const replacing = wanted.filter(
      (node) => onNode(node).some((pod) => isNew(pod, hash)) && onNode(node).some((pod) => !isNew(pod, hash)),
    ).length;
    const waiting = good
      .map((pod) => nodeOf(pod) ?? "")
      .filter((node) => !onNode(node).some((pod) => isNew(pod, hash)));
    return {
      create: waiting.slice(0, Math.max(0, surge - replacing)),
      remove: bad.filter((pod) => onNode(nodeOf(pod) ?? "").length === 1),
    };
  }
  const most = Math.max(
    1,
    scaledValue(updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length, "up"),
  );
  const unavailable = wanted.filter((node) => !onNode(node).some(isGood)).length;
  return { create: [], remove: [...bad, ...good.slice(0, Math.max(0, most - unavailable))] };
}

function statusOf(
  set: DaemonSet,
  wanted: readonly string[],
  byNode: PodsByNode,
  misscheduled: number,
  hash: string,
  nowMs: number,
): DaemonSetStatus {
  let [current, ready, available, updated] = [0, 0, 0, 0];
  for (const node of wanted) {
    const there = (byNode.get(node) ?? []).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const [oldest] = there.toSorted(
      (a, b) => timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp),
    );
    if (oldest === undefined) continue;
    current++;
    if (there.some(isReady)) ready++;
    if (there.some((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs))) available++;
    if (there.some((pod) => isNew(pod, hash))) updated++;
  }
  const optional = {
    updatedNumberScheduled: updated,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
  };
  const { collisionCount } = set.status ?? {};
  return {
    currentNumberScheduled: current,
    numberMisscheduled: misscheduled,
    desiredNumberScheduled: wanted.length,
    numberReady: ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== 0)),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}
