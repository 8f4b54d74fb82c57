/** Delays between attempts: each twice as long as the one before up to a longest one, and up to twice that by chance. */
export class BackOff {
  readonly #random: () => number;
  #nextMs: number;

  /** @param random a number from 0 up to 1 */
  constructor(random: () => number) {
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** What to wait before the next attempt. */
  next(): number {
    const delayMs = this.#nextMs * (1 + this.#random());
    this.#nextMs = Math.min(this.#nextMs * 2, longestMs);
    return delayMs;
  }

  reset(): void {
    this.#nextMs = firstMs;
  }
}

const firstMs = 800;
const longestMs = 30_000;
