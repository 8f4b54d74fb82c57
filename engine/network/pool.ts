import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";

export interface PoolDeps<T> {
  /** How many to keep ready. */
  readonly size: number;
  readonly make: () => Promise<T>;
  /** False for one that something outside has broken while it waited. */
  readonly isUsable: (item: T) => boolean;
  readonly discard: (item: T) => Promise<void>;
  readonly log: Log;
}

/** Long enough for the start that took one to be answered first. */
const REFILL_DELAY_MS = 15;

/**
 * Things that take long to make, kept ready. What was taken is made again one at a time and a little later, so that it does not
 * compete with whoever took it. Nothing happens while nobody takes anything, and after a failure not before somebody does.
 */
export class ReadyPool<T> implements AsyncDisposable {
  readonly #deps: PoolDeps<T>;
  #ready: T[] = [];
  #timer: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  #isClosed = false;

  constructor(deps: PoolDeps<T>) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#ready.length;
  }

  /** A ready one, the longest ready first, or undefined: then the caller makes its own. */
  take(): T | undefined {
    for (let item = this.#ready.shift(); item !== undefined; item = this.#ready.shift()) {
      this.fillLater();
      if (this.#deps.isUsable(item)) return item;
      void this.#discard(item);
    }
    this.fillLater();
    return undefined;
  }

  /** Fills it now; resolves when it is full or making one failed. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** Fills it when whoever took one has been answered. */
  fillLater(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.fill();
    }, REFILL_DELAY_MS).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#filling;
    await Promise.all(this.#ready.splice(0).map((item) => this.#discard(item)));
  }

  async #fill(): Promise<void> {
    while (!this.#isClosed && this.#ready.length < this.#deps.size) {
      try {
        this.#ready.push(await this.#deps.make());
      } catch (error) {
        this.#deps.log.warn("sandbox pool cannot be filled", { reason: messageOf(error) });
        return;
      }
    }
  }

  async #discard(item: T): Promise<void> {
    try {
      await this.#deps.discard(item);
    } catch (error) {
      this.#deps.log.warn("sandbox cannot be discarded", { reason: messageOf(error) });
    }
  }
}
