import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Revision, Store } from "#orchestrator/storage/store.ts";

const everyMs = 300_000;

/** Every five minutes the store forgets what was replaced more than five minutes ago: watches and lists may go back as far. */
export class Compactor implements AsyncDisposable {
  readonly #store: Store;
  readonly #log: Log;
  readonly #forgotten: (changes: number) => void;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #next: Revision = 0;
  #last: Revision = 0;
  #running: Promise<void> = Promise.resolve();

  /** @param forgotten is told how many changes were forgotten: there is as much less to keep in memory */
  constructor(store: Store, log: Log, forgotten: (changes: number) => void, intervalMs = everyMs) {
    this.#store = store;
    this.#log = log;
    this.#forgotten = forgotten;
    this.#timer = setInterval(() => {
      this.#running = this.#compact();
    }, intervalMs).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#running;
  }

  async #compact(): Promise<void> {
    const { signal } = this.#stop;
    try {
      if (this.#next > 0) await this.#store.compact(this.#next, signal);
      if (this.#last > 0) this.#forgotten(this.#next - this.#last);
      this.#last = this.#next;
      const { revision } = await this.#store.get("/registry", signal);
      this.#next = revision;
    } catch (error) {
      if (!signal.aborted) this.#log.warn("the store was not compacted", { reason: messageOf(error) });
    }
  }
}
