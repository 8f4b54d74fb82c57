/**
 * Lets many who wait for the disk wait for the same sync: one that begins after they ask, while at most one is under way.
 */
export class SharedSync {
  readonly #sync: () => Promise<void>;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Everything written before the call is on disk when it resolves. Rejects as the sync does. */
  run(): Promise<void> {
    if (this.#current === undefined) return this.#start();
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<void> {
    const current = this.#sync().finally(() => {
      if (this.#current === current) this.#current = undefined;
    });
    this.#current = current;
    return current;
  }
}
