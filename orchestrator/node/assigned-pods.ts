import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { every } from "./every.ts";
import { labelOf } from "./labels.ts";
import { type MirrorDeps, syncMirrors } from "./mirror-pods.ts";
import type { NodeDeps } from "./node-deps.ts";
import type { PodActions } from "./pod-actions.ts";
import type { PodWorkers } from "./pod-workers.ts";
import { isDeleted, isStatic, uidOf } from "./pod.ts";
import { findMirrorHash, followStaticPods } from "./static-pods.ts";

export interface AssignedPodsDeps {
  readonly deps: NodeDeps;
  readonly workers: PodWorkers;
  readonly actions: PodActions;
  readonly mirrors: MirrorDeps;
}

const mirrorsMs = 10_000;

/** The pods that this node is to run, by the API and by files: each gets a worker, and what is left of others goes. */
export class AssignedPods {
  readonly #deps: AssignedPodsDeps;
  readonly #signal: AbortSignal;
  readonly #filesRead = Promise.withResolvers<void>();
  /** The pods that files describe. */
  #static: readonly Pod[] = [];

  constructor(deps: AssignedPodsDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Settles when the files that are there have been read. Their pods need no API. */
  get filesRead(): Promise<void> {
    return this.#filesRead.promise;
  }

  /** Follows the files until the signal aborts. */
  async run(): Promise<void> {
    const { deps } = this.#deps;
    const tell = (pods: readonly Pod[]) => {
      this.#setStatic(pods);
      this.#filesRead.resolve();
      void this.#syncMirrors();
    };
    const options = { folder: join(deps.folders.root, "manifests"), nodeName: deps.nodeName, log: deps.log };
    const chore = { ms: mirrorsMs, isNeeded: () => this.#static.length > 0, work: () => this.#syncMirrors() };
    await Promise.all([followStaticPods(options, tell, this.#signal), every(deps, chore, this.#signal)]);
  }

  /** The API has a pod of this node, or the mirror of one from a file, like this. */
  put(pod: Pod): void {
    const { workers, actions } = this.#deps;
    actions.observe(pod);
    const hash = findMirrorHash(pod);
    if (hash !== undefined) {
      const worker = workers.find(hash);
      worker?.wake();
      if (isDeleted(pod) || worker === undefined) void this.#syncMirrors();
      return;
    }
    const known = workers.find(uidOf(pod));
    if (known === undefined) workers.start(pod, actions);
    else known.update(pod);
  }

  /** The API has it no more. */
  drop(pod: Pod): void {
    if (findMirrorHash(pod) === undefined) this.#deps.workers.find(uidOf(pod))?.remove();
    else void this.#syncMirrors();
  }

  /** Pods that the runtime or a folder still has and the API does not: they end, and nothing of them stays. */
  async removeLeftovers(assigned: readonly Pod[]): Promise<void> {
    const { deps, workers, actions } = this.#deps;
    const known = new Set([...assigned, ...this.#static].map(uidOf));
    const { items } = await deps.cri.runtime.listPodSandbox({}, this.#signal);
    for (const { labels, metadata } of items) {
      const uid = labels?.get(labelOf.podUid) ?? "";
      if (uid === "" || known.has(uid) || metadata === undefined) continue;
      known.add(uid);
      const { name = "", namespace = "" } = metadata;
      workers.start(orphan(uid, name, namespace), actions).remove();
    }
    for (const uid of readdirSync(deps.folders.pods)) {
      if (known.has(uid)) continue;
      workers.start(orphan(uid, uid, ""), actions).remove();
    }
  }

  #syncMirrors(): Promise<void> {
    return syncMirrors(this.#deps.mirrors, this.#static, this.#signal);
  }

  #setStatic(pods: readonly Pod[]): void {
    const { workers, actions } = this.#deps;
    const wanted = new Set(pods.map(uidOf));
    const ending = new Map<string, Promise<void>>();
    for (const worker of workers.all) {
      const { pod } = worker;
      if (!isStatic(pod) || wanted.has(uidOf(pod))) continue;
      worker.remove();
      ending.set(keyOf(pod), worker.ended);
    }
    this.#static = pods;
    for (const pod of pods) {
      if (workers.find(uidOf(pod)) !== undefined) continue;
      // What replaces a pod waits for its end: both want the same names and ports.
      const start = () => {
        if (!this.#signal.aborted && this.#static.includes(pod)) workers.start(pod, actions);
      };
      const before = ending.get(keyOf(pod));
      if (before === undefined) start();
      else void before.then(start);
    }
  }
}

function orphan(uid: string, name: string, namespace: string): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { uid, name, namespace },
    spec: { containers: [], terminationGracePeriodSeconds: 1 },
  };
}
