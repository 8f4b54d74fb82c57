import type { Fault } from "#base/fault.ts";

/** As Docker has it: what belongs together comes by different connections. */
const arrivalMs = 5000;

/** What is here by name, and who waits for what is not here yet. */
export class Arrivals<T> {
  readonly #here = new Map<string, T>();
  readonly #waiting = new Map<string, Set<(one: T) => void>>();

  has(name: string): boolean {
    return this.#here.has(name);
  }

  all(): Iterable<T> {
    return this.#here.values();
  }

  add(name: string, one: T): void {
    this.#here.set(name, one);
    for (const tell of this.#waiting.get(name) ?? []) tell(one);
  }

  delete(name: string): void {
    this.#here.delete(name);
  }

  /** Waits for it a little. @throws what `absent` makes when it does not come */
  async get(name: string, absent: () => Fault, signal: AbortSignal): Promise<T> {
    const known = this.#here.get(name);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting = this.#waiting.get(name) ?? new Set();
    waiting.add(resolve);
    this.#waiting.set(name, waiting);
    const give = () => reject(absent());
    const timer = setTimeout(give, arrivalMs);
    signal.addEventListener("abort", give, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", give);
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(name);
    }
  }
}
