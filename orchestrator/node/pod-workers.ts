import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PodActions } from "./pod-actions.ts";
import { PodWorker } from "./pod-worker.ts";
import { uidOf } from "./pod.ts";

/** Who looks after the pods of this node, by the pods' uids: each until nothing of its pod is left. */
export class PodWorkers {
  readonly #workers = new Map<string, PodWorker>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Those that are done with their pods too. */
  get all(): readonly PodWorker[] {
    return [...this.#workers.values()];
  }

  /** The pods that have not ended. */
  get running(): readonly Pod[] {
    return this.all.filter((worker) => !worker.isEnded).map(({ pod }) => pod);
  }

  get hasRunning(): boolean {
    return this.#workers.values().some((worker) => !worker.isEnded);
  }

  find(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  wake(uid: string): void {
    this.#workers.get(uid)?.wake();
  }

  start(pod: Pod, actions: PodActions): PodWorker {
    const worker = new PodWorker(pod, actions, this.#signal);
    this.#workers.set(uidOf(pod), worker);
    void worker.ended.then(() => {
      if (!this.#signal.aborted) this.#workers.delete(uidOf(pod));
    });
    return worker;
  }
}
