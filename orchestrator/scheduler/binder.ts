import type { PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { persistentVolumeClaims, pods } from "#client/kube/resources.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import type { SchedulerDeps } from "./scheduler.ts";
import { isBound, selectedNode } from "#orchestrator/machinery/volume-match.ts";

/** So many pods are bound at once before the scheduler waits. */
const mostAtOnce = 200;
const longestVolumeWaitMs = 600_000;

/** Tells the API which node a pod has. */
export class Binder {
  readonly #deps: Pick<SchedulerDeps, "kube" | "informers" | "timers">;
  readonly #signal: AbortSignal;
  #running = 0;
  #freed: (() => void) | undefined;

  constructor(deps: Pick<SchedulerDeps, "kube" | "informers" | "timers">, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  get isBusy(): boolean {
    return this.#running >= mostAtOnce;
  }

  /** Settles when there is room for another. */
  async room(): Promise<void> {
    while (this.isBusy && !this.#signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#freed = resolve;
      await promise;
    }
  }

  /** Lets the claims that wait for it have their volumes, then the pod its node. */
  async bind(
    pod: Pod,
    node: string,
    waiting: readonly PersistentVolumeClaim[],
    claims: IndexedCache<PersistentVolumeClaim>,
  ): Promise<void> {
    if (waiting.length > 0) await this.#bindVolumes(node, waiting, claims);
    this.#running++;
    try {
      const { namespace, name = "", uid } = pod.metadata;
      const body = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { namespace, name, ...(uid === undefined ? {} : { uid }) },
        target: { apiVersion: "v1", kind: "Node", name: node },
      };
      await this.#deps.kube.of(pods).createSubresource({ namespace, name }, "binding", body, this.#signal);
    } finally {
      this.#running--;
      this.#freed?.();
    }
  }

  async #bindVolumes(
    node: string,
    waiting: readonly PersistentVolumeClaim[],
    claims: IndexedCache<PersistentVolumeClaim>,
  ): Promise<void> {
    const client = this.#deps.kube.of(persistentVolumeClaims);
    for (const { metadata } of waiting) {
      if (metadata.annotations?.[selectedNode] === node) continue;
      const { namespace, name = "" } = metadata;
      const patch = { metadata: { annotations: { [selectedNode]: node } } };
      await client.patch({ namespace, name }, patch, { type: "merge" }, this.#signal);
    }
    const areBound = () => waiting.every((claim) => isBound(claims.get(keyOf(claim)) ?? claim));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = () => areBound() && resolve();
    using _ = this.#deps.informers.of(persistentVolumeClaims).handle({ updated: check });
    const late = () => reject(new Error("timed out waiting for the condition"));
    const cancel = this.#deps.timers.after(longestVolumeWaitMs, late);
    this.#signal.addEventListener("abort", late, { once: true });
    check();
    try {
      await promise;
    } finally {
      cancel();
      this.#signal.removeEventListener("abort", late);
    }
  }
}
