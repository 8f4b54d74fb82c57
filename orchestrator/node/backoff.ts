/** How long to wait between attempts, by key: doubling from one delay to the next, forgotten after a time of peace. */
export class Backoff {
  readonly #initialMs: number;
  readonly #longestMs: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, { delayMs: number; updatedAt: number }>();

  /** @param now milliseconds since 1970 */
  constructor(initialMs: number, longestMs: number, now: () => number) {
    this.#initialMs = initialMs;
    this.#longestMs = longestMs;
    this.#now = now;
  }

  /** The delay in force for the key. */
  delayMs(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0;
  }

  /** Milliseconds that are left of the delay after something that happened at `since`; 0: go on. */
  remainingMs(key: string, since: number): number {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isOver(since, entry.updatedAt)) return 0;
    return Math.max(0, since + entry.delayMs - this.#now());
  }

  /** One more attempt is made: the next one waits longer. */
  next(key: string, since: number): void {
    const entry = this.#entries.get(key);
    const isNew = entry === undefined || this.#isOver(since, entry.updatedAt);
    const delayMs = isNew ? this.#initialMs : Math.min(entry.delayMs * 2, this.#longestMs);
    this.#entries.set(key, { delayMs, updatedAt: this.#now() });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  #isOver(since: number, updatedAt: number): boolean {
    return since - updatedAt > 2 * this.#longestMs;
  }
}
