import type { Timers } from "./timers.ts";

export interface WorkQueueOptions {
  readonly timers: Timers;
  /** What the first repeat of a key waits; it doubles with each further one. Absent: 5 ms. */
  readonly baseDelayMs?: number;
  /** Absent: 1000 s. */
  readonly maxDelayMs?: number;
}

/**
 * Keys of what has to be looked at. A key that is added several times before it is taken is there once; one that is added
 * while it is worked on comes again when that is done. So no key is ever worked on twice at once, and no addition is lost.
 */
export class WorkQueue {
  readonly #timers: Timers;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  /** Waiting to be taken, in the order they came. A Set keeps it. */
  readonly #queue = new Set<string>();
  readonly #processing = new Set<string>();
  /** Added while being worked on. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly atMs: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #isShutDown = false;

  constructor(options: WorkQueueOptions) {
    this.#timers = options.timers;
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000;
  }

  /** Keys that wait to be taken, without those that are delayed. */
  get length(): number {
    return this.#queue.size;
  }

  /** Whether nothing waits, nothing is delayed and nothing is worked on. */
  get isIdle(): boolean {
    return this.#queue.size === 0 && this.#processing.size === 0 && this.#delayed.size === 0;
  }

  add(key: string): void {
    if (this.#isShutDown) return;
    if (this.#processing.has(key)) {
      this.#again.add(key);
      return;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#queue.add(key);
      return;
    }
    this.#processing.add(key);
    taker(key);
  }

  /** Adds the key after so long, or earlier if another call says so. */
  addAfter(key: string, delayMs: number): void {
    if (this.#isShutDown) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const atMs = this.#timers.now() + delayMs;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.atMs <= atMs) return;
    before?.cancel();
    const cancel = this.#timers.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { atMs, cancel });
  }

  /** Adds the key after a delay that doubles every time, until it is forgotten. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#baseDelayMs * 2 ** failures, this.#maxDelayMs));
  }

  /** Ends the key's history of repeats: it went well. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often the key was added with a delay since it was last forgotten. */
  requeues(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined when the queue is shut down and empty. {@link done} must follow. */
  get(): Promise<string | undefined> {
    const key = this.tryGet();
    if (key !== undefined || this.#isShutDown) return Promise.resolve(key);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#takers.push(resolve);
    return promise;
  }

  /** The next key if one waits. {@link done} must follow. */
  tryGet(): string | undefined {
    const [key] = this.#queue;
    if (key === undefined) return undefined;
    this.#queue.delete(key);
    this.#processing.add(key);
    return key;
  }

  /** The key is no longer worked on. */
  done(key: string): void {
    this.#processing.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Takes nothing more in. What waits is still handed out; what is delayed is dropped. */
  shutDown(): void {
    this.#isShutDown = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }
}
