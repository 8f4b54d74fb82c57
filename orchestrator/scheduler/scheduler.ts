import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Namespace } from "#api/kube/types/core.ts";
import type { PodDisruptionBudget } from "#api/kube/types/policy.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import {
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  storageClasses,
} from "#client/kube/resources.ts";
import type { EventBroadcaster, EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import type { InformerFactory } from "#orchestrator/informers/informer-factory.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { Binder } from "./binder.ts";
import { Cluster } from "./cluster.ts";
import { helpsAfter, type Happening } from "./hints.ts";
import type { NodeInfo } from "./node-info.ts";
import { Nominations } from "./nominations.ts";
import type { PodInfo } from "./pod-info.ts";
import { planPreemption, type Preemption } from "./preemption.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";
import { explain, type SelectContext, type Selection, selectNode } from "./select-node.ts";
import { PodStatusWriter } from "./pod-status.ts";
import { type VolumeCaches, type VolumeState, volumeStateOf } from "./volumes.ts";

export interface SchedulerDeps {
  readonly kube: KubeClient;
  readonly informers: InformerFactory;
  readonly events: EventBroadcaster;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

const schedulerName = "default-scheduler";
/** So long the scheduler works before others get their turn. */
const longestTurnMs = 5;

/** Gives pods a node, until the signal aborts. The caller starts the informers. */
export async function runScheduler(deps: SchedulerDeps, signal: AbortSignal): Promise<void> {
  const scheduler = new Scheduler(deps, signal);
  await scheduler.run();
}

class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #signal: AbortSignal;
  readonly #cluster = new Cluster();
  readonly #queue: SchedulingQueue;
  readonly #nominations = new Nominations();
  readonly #namespaces: IndexedCache<Namespace>;
  readonly #budgets: IndexedCache<PodDisruptionBudget>;
  readonly #volumes: VolumeCaches;
  readonly #events: EventRecorder;
  readonly #status: PodStatusWriter;
  readonly #binder: Binder;
  readonly #start = { at: 0 };

  constructor(deps: SchedulerDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#queue = new SchedulingQueue(deps.timers);
    this.#namespaces = deps.informers.of(namespaces).cache;
    this.#budgets = deps.informers.of(podDisruptionBudgets).cache;
    this.#volumes = {
      claims: deps.informers.of(persistentVolumeClaims).cache,
      volumes: deps.informers.of(persistentVolumes).cache,
      classes: deps.informers.of(storageClasses).cache,
    };
    this.#events = deps.events.recorder(schedulerName);
    this.#status = new PodStatusWriter(deps, signal);
    this.#binder = new Binder(deps, signal);
  }

  async run(): Promise<void> {
    this.#watchNodes();
    this.#watchPods();
    this.#watchVolumes();
    this.#signal.addEventListener("abort", () => this.#queue.close(), { once: true });
    try {
      await this.#deps.informers.synced(this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return;
      throw error;
    }
    await this.#work();
  }

  async #work(): Promise<void> {
    const { timers } = this.#deps;
    let sinceMs = timers.now();
    while (!this.#signal.aborted) {
      const next = this.#queue.tryPop();
      if (next === undefined) {
        await this.#queue.ready();
        sinceMs = timers.now();
        continue;
      }
      this.#schedule(next);
      const isLate = timers.now() - sinceMs > longestTurnMs;
      if (isLate || this.#binder.isBusy) {
        await sleep(timers, 0, this.#signal).catch(() => {});
        await this.#binder.room();
        sinceMs = timers.now();
      }
    }
  }

  #schedule(queued: QueuedPod): void {
    const { info } = queued;
    if ((info.pod.spec.schedulingGates ?? []).length > 0) {
      this.#queue.failed(info.key, new Set(["gated"]));
      return;
    }
    const volumes = volumeStateOf(info.pod, this.#volumes);
    if (volumes.is === "rejected") {
      const count = this.#cluster.nodes.length;
      this.#reject(info, `0/${count} nodes are available: ${volumes.reason}.`, new Set([volumes.reason]));
      return;
    }
    const context = this.#context(volumes);
    const selection = selectNode(info, context);
    if (selection.is === "found") this.#assign(info, selection.node, volumes);
    else this.#fail(info, selection, context);
  }

  #context(volumes: Extract<VolumeState, { is: "checked" }>): SelectContext {
    return {
      cluster: this.#cluster,
      labelsOf: (name) => this.#namespaces.get(name)?.metadata.labels,
      checkVolumes: volumes.check,
      nominated: this.#nominations.byNode,
      random: this.#deps.random,
      start: this.#start,
    };
  }

  #assign(info: PodInfo, node: NodeInfo, volumes: Extract<VolumeState, { is: "checked" }>): void {
    this.#cluster.place(info, node.name);
    this.#nominations.remove(info.key);
    const { pod } = info;
    void this.#binder.bind(pod, node.name, volumes.waiting, this.#volumes.claims).then(
      () => {
        this.#queue.remove(info.key);
        this.#events.record(pod, "Normal", "Scheduled", `Successfully assigned ${info.key} to ${node.name}`);
      },
      (error: unknown) => {
        if (this.#signal.aborted) return;
        this.#cluster.removePod(info.key);
        this.#happened("pod-gone");
        this.#events.record(pod, "Warning", "FailedScheduling", `binding rejected: ${messageOf(error)}`);
        this.#queue.failed(info.key, undefined);
      },
    );
  }

  #fail(info: PodInfo, selection: Extract<Selection, { is: "none" }>, context: SelectContext): void {
    const { nodeCount, reasons, resolvable } = selection;
    if (nodeCount === 0) {
      this.#reject(info, "no nodes available to schedule pods", new Set(["none"]));
      return;
    }
    const why = explain(nodeCount, reasons);
    const rejectedBy = new Set(reasons.keys());
    const after = this.#preempt(info, nodeCount, resolvable, context);
    this.#reject(info, `${why} no new claims to deallocate, ${after}`, rejectedBy);
  }

  /** @returns what is told of it */
  #preempt(
    info: PodInfo,
    nodeCount: number,
    resolvable: readonly NodeInfo[],
    context: SelectContext,
  ): string {
    if (info.pod.spec.preemptionPolicy === "Never")
      return "preemption: not eligible due to preemptionPolicy=Never.";
    const waitsOn = this.#nominations.nodeOf(info.key);
    const there = waitsOn === undefined ? undefined : this.#cluster.find(waitsOn);
    const isClearing = [...(there?.pods.values() ?? [])].some(
      ({ priority, pod }) => priority < info.priority && pod.metadata.deletionTimestamp !== undefined,
    );
    if (isClearing) return "preemption: not eligible due to a terminating pod on the nominated node.";
    const plan = planPreemption(info, resolvable, [...this.#budgets.list()], context);
    if (plan !== undefined) {
      void this.#evict(info, plan);
      return "preemption: victims were found.";
    }
    const counts = new Map<string, number>();
    const unhelpful = nodeCount - resolvable.length;
    if (unhelpful > 0) counts.set("Preemption is not helpful for scheduling", unhelpful);
    if (resolvable.length > 0) counts.set("No preemption victims found for incoming pod", resolvable.length);
    return `preemption: ${explain(nodeCount, counts)}`;
  }

  async #evict(info: PodInfo, { node, victims }: Preemption): Promise<void> {
    this.#nominations.set(info, node.name);
    try {
      await this.#status.nominate(info.pod, node.name);
      await Promise.all(victims.map((victim) => this.#evictOne(info, victim, node.name)));
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#nominations.remove(info.key);
      this.#deps.log.warn("making room for a pod failed", { pod: info.key, error });
    }
  }

  async #evictOne(info: PodInfo, { pod: victim }: PodInfo, node: string): Promise<void> {
    await this.#status.preempt(victim);
    const message = `Preempted by pod ${info.pod.metadata.uid} on node ${node}`;
    this.#events.record(victim, "Normal", "Preempted", message);
  }

  #reject(info: PodInfo, message: string, reasons: ReadonlySet<string>): void {
    this.#queue.failed(info.key, reasons);
    this.#events.record(info.pod, "Warning", "FailedScheduling", message);
    void this.#status.unschedulable(info.pod, "Unschedulable", message);
  }

  #happened(what: Happening): void {
    this.#queue.move((queued) => helpsAfter(what, queued.reasons));
  }

  #watchNodes(): void {
    this.#deps.informers.of(nodes).handle({
      added: (node) => {
        this.#cluster.setNode(node);
        this.#happened("node");
      },
      updated: (node, before) => {
        this.#cluster.setNode(node);
        if (isOtherwise(node, before)) this.#happened("node");
      },
      deleted: ({ metadata }) => this.#cluster.removeNode(metadata.name ?? ""),
    });
  }

  #watchPods(): void {
    this.#deps.informers.of(pods).handle({
      added: (pod) => this.#sawPod(pod, undefined),
      updated: (pod, before) => this.#sawPod(pod, before),
      deleted: (pod) => this.#lostPod(keyOf(pod)),
    });
  }

  #sawPod(pod: Pod, before: Pod | undefined): void {
    const key = keyOf(pod);
    const isOver = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    if (isOver) {
      this.#lostPod(key);
      return;
    }
    if ((pod.spec.nodeName ?? "") !== "") {
      const isNew = before === undefined || (before.spec.nodeName ?? "") === "";
      this.#queue.remove(key);
      this.#nominations.remove(key);
      this.#cluster.setPod(pod);
      if (isNew) this.#happened("pod-placed");
      return;
    }
    if ((pod.spec.schedulerName ?? schedulerName) !== schedulerName) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#lostPod(key);
      return;
    }
    if (this.#cluster.isPlaced(pod)) return; // being bound
    const isHelpful = before !== undefined && isChanged(pod, before);
    const info = this.#cluster.infoOf(pod);
    if (pod.status?.nominatedNodeName !== undefined && before === undefined)
      this.#nominations.set(info, pod.status.nominatedNodeName);
    this.#queue.put(info, isHelpful);
    const isGated = (pod.spec.schedulingGates ?? []).length > 0;
    const message = "Scheduling is blocked due to non-empty scheduling gates";
    if (isGated && before === undefined) void this.#status.unschedulable(pod, "SchedulingGated", message);
  }

  #lostPod(key: string): void {
    this.#queue.remove(key);
    this.#nominations.remove(key);
    this.#cluster.removePod(key);
    this.#happened("pod-gone");
  }

  #watchVolumes(): void {
    const changed = () => this.#happened("volume");
    const handler = { added: changed, updated: changed };
    this.#deps.informers.of(persistentVolumeClaims).handle(handler);
    this.#deps.informers.of(persistentVolumes).handle(handler);
    this.#deps.informers.of(storageClasses).handle(handler);
  }
}

/** Whether the pod asks for something else. */
function isChanged(pod: Pod, before: Pod): boolean {
  return !isSameJson(pod.spec, before.spec) || !isSameJson(pod.metadata.labels, before.metadata.labels);
}

/** Whether a node offers something else; that it is still alive is no news. */
function isOtherwise(a: Parameters<Cluster["setNode"]>[0], b: Parameters<Cluster["setNode"]>[0]): boolean {
  return (
    !isSameJson(a.spec, b.spec) ||
    !isSameJson(a.metadata.labels, b.metadata.labels) ||
    !isSameJson(a.status?.allocatable, b.status?.allocatable)
  );
}
