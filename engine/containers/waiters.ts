export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string;
}

interface Waiter {
  readonly condition: WaitCondition;
  readonly resolve: (result: WaitResult) => void;
}

/** Who waits for which container, and for what. */
export class Waiters {
  readonly #byId = new Map<string, Set<Waiter>>();

  /** Registered when this returns; `signal` ends the waiting with its reason. */
  wait(id: string, condition: WaitCondition, signal: AbortSignal): Promise<WaitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<WaitResult>();
    const waiter = { condition, resolve };
    const waiters = this.#byId.get(id) ?? new Set();
    this.#byId.set(id, waiters.add(waiter));
    const onAbort = () => {
      this.#drop(id, waiter);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  exited(id: string, result: WaitResult): void {
    this.#settle(id, result, (waiter) => waiter.condition !== "removed");
  }

  /** Everybody: what is gone cannot exit any more. */
  removed(id: string, result: WaitResult): void {
    this.#settle(id, result, () => true);
  }

  #settle(id: string, result: WaitResult, matches: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#byId.get(id) ?? []) {
      if (!matches(waiter)) continue;
      this.#drop(id, waiter);
      waiter.resolve(result);
    }
  }

  #drop(id: string, waiter: Waiter): void {
    const waiters = this.#byId.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byId.delete(id);
  }
}
