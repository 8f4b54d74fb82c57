interface Expected {
  creations: number;
  /** Keys of what is to go. */
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

/** So long one waits for a change to be seen before one acts on what the cache has. */
const longestMs = 300_000;

/**
 * What a controller has done and its cache has not seen yet. Until it has, the controller does not act again, so that nothing is
 * made or deleted twice.
 */
export class Expectations {
  readonly #now: () => number;
  readonly #expected = new Map<string, Expected>();

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  expectCreations(key: string, count: number): void {
    this.#of(key).creations += count;
  }

  /** @param objects keys of what is going to be deleted */
  expectDeletions(key: string, objects: readonly string[]): void {
    for (const object of objects) this.#of(key).deletions.add(object);
  }

  /** One creation was seen, or is not going to happen. */
  creationSeen(key: string): void {
    const expected = this.#expected.get(key);
    if (expected !== undefined && expected.creations > 0) expected.creations--;
  }

  deletionSeen(key: string, object: string): void {
    this.#expected.get(key)?.deletions.delete(object);
  }

  areMet(key: string): boolean {
    const expected = this.#expected.get(key);
    if (expected === undefined) return true;
    const isMet = expected.creations <= 0 && expected.deletions.size === 0;
    if (isMet || this.#now() - expected.sinceMs > longestMs) {
      this.#expected.delete(key);
      return true;
    }
    return false;
  }

  forget(key: string): void {
    this.#expected.delete(key);
  }

  #of(key: string): Expected {
    const known = this.#expected.get(key);
    if (known !== undefined) return known;
    const made = { creations: 0, deletions: new Set<string>(), sinceMs: this.#now() };
    this.#expected.set(key, made);
    return made;
  }
}
