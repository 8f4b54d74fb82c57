import { ignoreNotFound, isStatus } from "#api/kube/status.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf, refOfKey } from "#client/kube/kube-resource.ts";
import { leases, nodes, pods } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { timeOf, timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { conditionOf, isFinished } from "../pods/pod-facts.ts";
import { nodeIndex, podsByNode } from "../pods/pods-by-node.ts";
import { planTaints, staysForS, unknownConditions } from "./plan.ts";

/** So long after its last sign of life a node counts as lost. */
const graceMs = 50_000;

interface Heard {
  readonly sign: string;
  readonly atMs: number;
}

/** Marks nodes by how they are, and lets the pods go that must not stay on them. */
export async function startNodeLifecycleController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  await Promise.all([watchNodes(deps, signal), evictPods(deps, signal)]);
}

async function watchNodes(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const informer = deps.informers.of(nodes);
  const signs = deps.informers.of(leases, { namespace: "kube-node-lease" });
  const podCache = podsByNode(deps);
  /** By the own clock, so that clocks of nodes do not matter. */
  const heard = new Map<string, Heard>();
  const controller = {
    name: "node-lifecycle-controller",
    async reconcile(name: string, signal: AbortSignal): Promise<Again | undefined> {
      const node = informer.cache.get(name);
      if (node === undefined) {
        heard.delete(name);
        return undefined;
      }
      const sign = `${signs.cache.get(`kube-node-lease/${name}`)?.spec.renewTime} ${heartbeat(node)}`;
      const nowMs = deps.timers.now();
      if (heard.get(name)?.sign !== sign) heard.set(name, { sign, atMs: nowMs });
      const leftMs = (heard.get(name)?.atMs ?? nowMs) + graceMs - nowMs;
      const current = leftMs > 0 ? node : await lose(deps, node, podCache, signal);
      await taint(deps, current, signal);
      return leftMs > 0 ? { afterMs: leftMs } : undefined;
    },
  };
  const ready = Promise.all([informer.synced(signal), signs.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const look = ({ metadata }: { readonly metadata: Node["metadata"] }) => queue.add(metadata.name ?? "");
  informer.handle({ added: look, updated: look, deleted: look });
  // a lease that is renewed is only noted: the next look is when it could be over
  signs.handle({
    added: look,
    updated({ metadata: { name = "" }, spec }) {
      const node = informer.cache.get(name);
      if (node === undefined) return;
      heard.set(name, { sign: `${spec.renewTime} ${heartbeat(node)}`, atMs: deps.timers.now() });
      if (node.status?.conditions?.some(({ status }) => status === "Unknown") === true) queue.add(name);
    },
  });
  await ended;
}

function heartbeat({ status }: Node): string {
  return status?.conditions?.find(({ type }) => type === "Ready")?.lastHeartbeatTime ?? "";
}

/** Nothing is known of the node any more, nor of its pods. */
async function lose(
  deps: ControllerDeps,
  node: Node,
  cache: IndexedCache<Pod>,
  signal: AbortSignal,
): Promise<Node> {
  const conditions = unknownConditions(node, deps.timers.now());
  const isNew = !isSameJson(conditions, node.status?.conditions);
  const lost = isNew
    ? await deps.kube.of(nodes).updateStatus({ ...node, status: { ...node.status, conditions } }, signal)
    : node;
  if (isNew)
    deps.events
      .recorder("node-controller")
      .record(node, "Normal", "NodeNotReady", `Node ${node.metadata.name} status is now: NodeNotReady`);
  for (const pod of Array.from(cache.by(nodeIndex, node.metadata.name ?? "")))
    await unready(deps, pod, signal);
  return lost;
}

async function unready({ kube, timers }: ControllerDeps, pod: Pod, signal: AbortSignal): Promise<void> {
  if (conditionOf(pod, "Ready")?.status !== "True") return;
  const { namespace, name = "" } = pod.metadata;
  const conditions = [{ type: "Ready", status: "False", lastTransitionTime: timeText(timers.now()) }];
  const options = { type: "strategic", subresource: "status" } as const;
  const told = kube.of(pods).patch({ namespace, name }, { status: { conditions } }, options, signal);
  await told.catch(ignoreNotFound);
}

async function taint({ kube, timers }: ControllerDeps, node: Node, signal: AbortSignal): Promise<void> {
  const taints = planTaints(node, timers.now());
  if (isSameJson(taints, node.spec.taints ?? [])) return;
  await kube.of(nodes).update({ ...node, spec: { ...node.spec, taints } }, signal);
}

async function evictPods(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const informer = deps.informers.of(nodes);
  const podInformer = deps.informers.of(pods);
  const cache = podsByNode(deps);
  const events = deps.events.recorder("taint-eviction-controller");
  /** Since when a pod's time runs, where its taints do not say when they came. */
  const begun = new Map<string, number>();
  const controller = {
    name: "taint-eviction-controller",
    async reconcile(key: string, signal: AbortSignal): Promise<Again | undefined> {
      const pod = cache.get(key);
      const isLeaving = pod?.metadata.deletionTimestamp !== undefined;
      const taints = informer.cache.get(pod?.spec.nodeName ?? "")?.spec.taints ?? [];
      const staysS = pod === undefined || isLeaving || isFinished(pod) ? undefined : staysForS(pod, taints);
      if (pod === undefined || staysS === undefined) {
        begun.delete(key);
        return undefined;
      }
      const nowMs = deps.timers.now();
      const firstMs = begun.get(key) ?? nowMs;
      begun.set(key, firstMs);
      const since = taints
        .filter(({ effect }) => effect === "NoExecute")
        .map(({ timeAdded }) => timeOf(timeAdded) || firstMs);
      const leftMs = staysS === 0 ? 0 : Math.max(...since) + staysS * 1000 - nowMs;
      if (leftMs > 0) return { afterMs: leftMs };
      events.record(pod, "Normal", "TaintManagerEviction", `Marking for deletion Pod ${key}`);
      await evict(deps, key, signal);
      return undefined;
    },
  };
  const ready = Promise.all([informer.synced(signal), podInformer.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const hasNoExecute = ({ spec }: Node) => spec.taints?.some(({ effect }) => effect === "NoExecute") === true;
  const look = (node: Node, before = node) => {
    if (hasNoExecute(node) || hasNoExecute(before))
      for (const pod of cache.by(nodeIndex, node.metadata.name ?? "")) queue.add(keyOf(pod));
  };
  informer.handle({
    added: (node) => look(node),
    updated: (node, before) => !isSameJson(node.spec.taints, before.spec.taints) && look(node, before),
  });
  const lookAt = (pod: Pod) => {
    const node = informer.cache.get(pod.spec.nodeName ?? "");
    if (node !== undefined && hasNoExecute(node)) queue.add(keyOf(pod));
  };
  podInformer.handle({ added: lookAt, updated: (pod, before) => pod.spec !== before.spec && lookAt(pod) });
  await ended;
}

async function evict({ kube, timers }: ControllerDeps, key: string, signal: AbortSignal): Promise<void> {
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByTaintManager",
    message: "Taint manager: deleting due to NoExecute taint",
    lastTransitionTime: timeText(timers.now()),
  };
  const ref = refOfKey(key);
  try {
    const options = { type: "strategic", subresource: "status" } as const;
    await kube.of(pods).patch(ref, { status: { conditions: [condition] } }, options, signal);
    await kube.of(pods).delete(ref, {}, signal);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
  }
}
