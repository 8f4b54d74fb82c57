import type { Change, Revision } from "./store.ts";

export interface FeedLimits {
  /** How much of the newest changes is kept in memory. */
  readonly changes: number;
  readonly bytes: number;
}

/**
 * The newest changes of a store, and who waits for more. Watchers hold nothing here but their place: each takes what it has not
 * seen, and one that has fallen behind what is kept here finds it in the store.
 */
export class ChangeFeed {
  readonly #limits: FeedLimits;
  /** Revisions without a gap, up to {@link newest}. */
  #ring: Change[] = [];
  /** Of the ring; those before it have been let go. */
  #first = 0;
  #bytes = 0;
  #newest: Revision;
  /** By watched prefix. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(newest: Revision, limits: FeedLimits) {
    this.#newest = newest;
    this.#limits = limits;
  }

  get newest(): Revision {
    return this.#newest;
  }

  /** Changes come in the order of their revisions, each one behind {@link newest}. */
  publish(change: Change): void {
    const revision = revisionOf(change);
    if (revision !== this.#newest + 1)
      throw new Error(`change ${revision} comes after ${this.#newest}: one is missing`);
    this.#newest = revision;
    this.#ring.push(change);
    this.#bytes += sizeOf(change);
    this.#letGo();
    const key = keyOf(change);
    for (const [prefix, waiters] of this.#waiting) {
      if (!key.startsWith(prefix)) continue;
      this.#waiting.delete(prefix);
      for (const wake of waiters) wake();
    }
  }

  /** Changes of keys with the prefix behind `after`; undefined when not all of them are kept here any more. */
  since(prefix: string, after: Revision, limit: number): readonly Change[] | undefined {
    const kept = this.#ring.length - this.#first;
    const missing = this.#newest - after;
    if (missing > kept) return undefined;
    const found: Change[] = [];
    for (let at = this.#ring.length - missing; at < this.#ring.length && found.length < limit; at++) {
      const change = this.#ring[at];
      if (change !== undefined && keyOf(change).startsWith(prefix)) found.push(change);
    }
    return found;
  }

  /** Resolves with the next change of a key with the prefix, or when the signal aborts. */
  async next(prefix: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiting.get(prefix) ?? new Set();
    this.#waiting.set(prefix, waiters.add(resolve));
    const leave = () => {
      waiters.delete(resolve);
      if (waiters.size === 0 && this.#waiting.get(prefix) === waiters) this.#waiting.delete(prefix);
      resolve();
    };
    signal.addEventListener("abort", leave, { once: true });
    await promise;
    signal.removeEventListener("abort", leave);
  }

  #letGo(): void {
    while (
      this.#ring.length - this.#first > this.#limits.changes ||
      (this.#bytes > this.#limits.bytes && this.#first < this.#ring.length)
    ) {
      const oldest = this.#ring[this.#first];
      if (oldest !== undefined) this.#bytes -= sizeOf(oldest);
      this.#first++;
    }
    // What was let go goes for good now and then: each change is moved once at the most.
    if (this.#first * 2 < this.#ring.length) return;
    this.#ring = this.#ring.slice(this.#first);
    this.#first = 0;
  }
}

export function revisionOf(change: Change): Revision {
  return change.type === "put" ? change.entry.revision : change.revision;
}

export function keyOf(change: Change): string {
  return change.type === "put" ? change.entry.key : change.key;
}

function sizeOf(change: Change): number {
  const now = change.type === "put" ? change.entry.value.length : 0;
  return 200 + now + (change.previous?.value.length ?? 0);
}
