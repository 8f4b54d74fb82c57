import type { ControllerRevision, DaemonSet } from "#api/kube/types/apps.ts";
import type { Node } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { daemonSets, nodes, pods } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { claimObjects } from "../claim.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { Expectations } from "../expectations.ts";
import { byController, byOrphanage, controllerIndex, controllerOf, orphanIndex } from "../owner.ts";
import { createPods, deletePods, watchOwnedPods } from "../pods/expected-pods.ts";
import { podFromTemplate } from "../pods/pod-control.ts";
import { nextAvailableInMs } from "../pods/pod-facts.ts";
import { forgetRevisions, revisionLabel, revisionsOf, syncRevisions } from "../revisions.ts";
import { type DaemonPlan, forNode, planDaemons, withTolerations } from "./plan.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly sets: IndexedCache<DaemonSet>;
  readonly nodes: IndexedCache<Node>;
  readonly pods: IndexedCache<Pod>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

export async function startDaemonSetController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(daemonSets);
  const nodeInformer = deps.informers.of(nodes);
  const podInformer = deps.informers.of(pods);
  podInformer.cache.addIndex(controllerIndex, byController);
  podInformer.cache.addIndex(orphanIndex, byOrphanage);
  const expectations = new Expectations(() => deps.timers.now());
  const working: Working = {
    deps,
    sets: own.cache,
    nodes: nodeInformer.cache,
    pods: podInformer.cache,
    expectations,
    events: deps.events.recorder("daemonset-controller"),
  };
  const controller = {
    name: "daemonset-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const informers = [own, nodeInformer, podInformer, revisionsOf(deps)];
  const ready = Promise.all(informers.map((informer) => informer.synced(signal)));
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (set: DaemonSet) => queue.add(keyOf(set));
  own.handle({
    added: enqueue,
    updated: enqueue,
    deleted(set) {
      expectations.forget(keyOf(set));
      enqueue(set);
    },
  });
  const all = () => {
    for (const set of own.cache.list()) enqueue(set);
  };
  nodeInformer.handle({
    added: all,
    updated(node, before) {
      if (!isSameJson(node.spec, before.spec) || !isSameJson(node.metadata.labels, before.metadata.labels))
        all();
    },
    deleted: all,
  });
  watchOwnedPods(podInformer, "DaemonSet", expectations, queue);
  podInformer.handle({
    added(pod) {
      if (controllerOf(pod) !== undefined) return;
      for (const set of own.cache.inNamespace(pod.metadata.namespace)) enqueue(set);
    },
  });
  await ended;
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<Again | undefined> {
  const set = working.sets.get(key);
  if (set === undefined) return undefined;
  const { deps, events } = working;
  const selector = requirementsOf(set.spec.selector) ?? [];
  if (selector.length === 0) {
    const message = "This daemon set is selecting all pods. A non-empty selector is required.";
    events.record(set, "Warning", "SelectingAll", message);
    return undefined;
  }
  const mayAct = working.expectations.areMet(key) && set.metadata.deletionTimestamp === undefined;
  const claim = { owner: set, ownerResource: daemonSets, resource: pods, cache: working.pods, selector };
  const own = await claimObjects(deps.kube, claim, signal);
  const revisions = await syncRevisions(deps, daemonSets, set, set.status?.collisionCount, signal);
  const hash = revisions.update.metadata.labels?.[revisionLabel] ?? "";
  const plan = planDaemons(set, [...working.nodes.list()], own, hash, deps.timers.now());
  if (!isSameJson(plan.status, set.status ?? {}))
    await deps.kube.of(daemonSets).updateStatus({ ...set, status: plan.status }, signal);
  if (mayAct) await act(working, set, plan, hash, signal);
  const used = new Set([hash, ...own.map(({ metadata }) => metadata.labels?.[revisionLabel])]);
  const isUsed = ({ metadata }: ControllerRevision) => used.has(metadata.labels?.[revisionLabel]);
  await forgetRevisions(deps, revisions.all, isUsed, set.spec.revisionHistoryLimit ?? 10, signal);
  const afterMs = nextAvailableInMs(own, set.spec.minReadySeconds ?? 0, deps.timers.now());
  return afterMs === undefined ? undefined : { afterMs };
}

async function act(
  working: Working,
  set: DaemonSet,
  plan: DaemonPlan,
  hash: string,
  signal: AbortSignal,
): Promise<void> {
  const { deps, expectations, events } = working;
  const control = { kube: deps.kube, events, expectations };
  const pod = podFromTemplate(set.spec.template, daemonSets, set);
  const metadata = { ...pod.metadata, labels: { ...pod.metadata.labels, [revisionLabel]: hash } };
  const spec = withTolerations(pod.spec);
  const podAt = (at: number): Pod => ({ ...pod, metadata, spec: forNode(spec, plan.create[at] ?? "") });
  const notMade = await createPods(control, set, plan.create.length, podAt, signal);
  if (notMade !== undefined) throw notMade;
  for (const each of plan.remove) if (each.status?.phase === "Failed") tellFailed(events, set, each);
  const notRemoved = await deletePods(control, set, plan.remove, signal);
  if (notRemoved !== undefined) throw notRemoved;
}

function tellFailed(events: EventRecorder, set: DaemonSet, { metadata, spec }: Pod): void {
  const message = `Found failed daemon pod ${metadata.namespace}/${metadata.name} on node ${spec.nodeName}, will try to kill it`;
  events.record(set, "Warning", "FailedDaemonPod", message);
}
