/**
 * Mutual exclusion by key: work on one key runs one at a time in the order asked, work on different keys side by side.
 * Costs nothing for keys that nobody holds.
 */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` when every earlier holder of the key is done. What it throws goes to the caller only. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, done);
    try {
      if (before !== undefined) await before;
      return await work();
    } finally {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
      release();
    }
  }

  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }
}
