import { isDeepStrictEqual } from "node:util";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import { formatPod, gracePeriodOf, isDeleted } from "./pod.ts";
import type { PodActions } from "./pod-actions.ts";

/** What a worker does next, and what is to become of the pod. */
type Stage = "running" | "ending" | "ended" | "gone";

const [firstRetryMs, longestRetryMs] = [500, 30_000];

/** What ended a pod beside its own containers. */
export interface PodVerdict {
  readonly reason: string;
  readonly message: string;
}

/**
 * Looks after one pod, from the moment it is known until nothing is left of it: one step at a time, when something has changed or
 * it is time. What a step fails at is tried again.
 */
export class PodWorker {
  #pod: Pod;
  #stage: Stage = "running";
  #verdict: PodVerdict | undefined;
  /** The pod is no more in the API, or the file it came from is gone. */
  #isRemoved = false;
  #graceMs: number | undefined;
  #isWoken = true;
  #wake: () => void = () => {};
  #failures = 0;
  #stopping: AbortController | undefined;
  readonly #actions: PodActions;
  readonly ended: Promise<void>;

  constructor(pod: Pod, actions: PodActions, signal: AbortSignal) {
    this.#pod = pod;
    this.#actions = actions;
    this.ended = this.#run(signal);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get isEnded(): boolean {
    return this.#stage === "ended" || this.#stage === "gone";
  }

  /** The pod has changed. Its grace can only become shorter once it ends. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    if (isDeleted(pod)) this.#shorten(gracePeriodOf(pod) * 1000);
    if (isDeleted(pod) || !isSameWish(before, pod)) this.wake();
  }

  /** The pod is not wanted any more: everything of it goes. */
  remove(): void {
    this.#isRemoved = true;
    this.wake();
  }

  /** Ends the pod for good, e.g. because the node needs room. */
  evict(verdict: PodVerdict, graceMs: number): void {
    this.#verdict ??= verdict;
    this.#shorten(graceMs);
    this.wake();
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  #shorten(graceMs: number): void {
    if (this.#graceMs !== undefined && graceMs >= this.#graceMs) return;
    this.#graceMs = graceMs;
    this.#stopping?.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#stage !== "gone") {
      this.#isWoken = false;
      const againMs = await this.#step(signal);
      if (!this.#isWoken && !this.#isGone()) await this.#pause(againMs, signal);
    }
  }

  #isGone(): boolean {
    return this.#stage === "gone";
  }

  /** @returns after how long to look again, if it must be */
  async #step(signal: AbortSignal): Promise<number | undefined> {
    try {
      const againMs = await this.#advance(signal);
      this.#failures = 0;
      return againMs;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#actions.log.warn("a pod's step failed and is tried again", {
        pod: formatPod(this.#pod),
        error: messageOf(error),
      });
      return Math.min(firstRetryMs * 2 ** this.#failures++, longestRetryMs);
    }
  }

  async #advance(signal: AbortSignal): Promise<number | undefined> {
    if (this.#stage === "running") {
      if (isDeleted(this.#pod) || this.#isRemoved || this.#verdict !== undefined) this.#stage = "ending";
      else {
        const result = await this.#actions.sync(this.#pod, signal);
        if (result.ends !== undefined) {
          this.#verdict = result.ends === "completed" ? undefined : result.ends;
          this.#stage = "ending";
        } else return result.againMs;
      }
    }
    if (this.#stage === "ending") {
      await this.#end(signal);
      this.#stage = "ended";
    }
    if (this.#stage === "ended") {
      await this.#actions.clean(this.#pod, signal);
      if (isDeleted(this.#pod) && !this.#isRemoved) this.#actions.finish(this.#pod);
      if (!this.#isRemoved) return undefined;
      await this.#actions.forget(this.#pod, signal);
      this.#stage = "gone";
    }
    return undefined;
  }

  async #end(signal: AbortSignal): Promise<void> {
    for (;;) {
      const stopping = new AbortController();
      this.#stopping = stopping;
      const graceMs = this.#graceMs ?? gracePeriodOf(this.#pod) * 1000;
      try {
        await this.#actions.end(
          this.#pod,
          graceMs,
          this.#verdict,
          AbortSignal.any([signal, stopping.signal]),
        );
        return;
      } catch (error) {
        if (signal.aborted || !stopping.signal.aborted) throw error; // else: again, with less grace
      } finally {
        this.#stopping = undefined;
      }
    }
  }

  async #pause(againMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const cancel = againMs === undefined ? () => {} : this.#actions.timers.after(againMs, resolve);
    const onAbort = () => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (this.#isWoken || signal.aborted) resolve();
    await promise;
    signal.removeEventListener("abort", onAbort);
    cancel();
    this.#wake = () => {};
  }
}

/** Whether only what the agent itself writes is different. */
function isSameWish(before: Pod, now: Pod): boolean {
  const wishOf = ({ spec, metadata, status }: Pod) => {
    const gates = (spec?.readinessGates ?? []).map(({ conditionType }) => conditionType);
    const conditions = (status?.conditions ?? []).filter(({ type }) => gates.includes(type));
    return { spec, labels: metadata.labels, annotations: metadata.annotations, conditions };
  };
  return isDeepStrictEqual(wishOf(before), wishOf(now));
}
