import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Store } from "#orchestrator/storage/store.ts";

export interface ServedAddressesDeps {
  readonly store: Store;
  /** Of this server. */
  readonly address: string;
  /** Is told which servers there are, in order, whenever that may have changed. */
  readonly changed: (addresses: readonly string[], signal: AbortSignal) => Promise<void>;
  readonly log: Log;
}

/** As upstream's lease reconciler has it. */
const prefix = "/registry/masterleases/";
const ttlS = 15;
const everyMs = 5000;

/** Which API servers there are on a store that several share: each says so again every five seconds, and is forgotten after 15. */
export class ServedAddresses implements AsyncDisposable {
  readonly #deps: ServedAddressesDeps;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #told = "";

  private constructor(deps: ServedAddressesDeps) {
    this.#deps = deps;
  }

  static async open(deps: ServedAddressesDeps): Promise<ServedAddresses> {
    const opened = new ServedAddresses(deps);
    await opened.#round();
    opened.#timer = setInterval(() => {
      opened.#running = opened.#round();
    }, everyMs).unref();
    return opened;
  }

  /** The others learn at once that this server goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#running;
    const signal = AbortSignal.timeout(everyMs);
    const { store, log } = this.#deps;
    try {
      const { entry } = await store.get(this.#key, signal);
      if (entry !== undefined) await store.delete(this.#key, entry.revision, signal);
      await this.#tell(signal);
    } catch (error) {
      log.warn("this server's address was not taken back", { reason: messageOf(error) });
    }
  }

  get #key(): string {
    return `${prefix}${this.#deps.address}`;
  }

  async #round(): Promise<void> {
    const { signal } = this.#stop;
    const { store, log } = this.#deps;
    try {
      const { entry } = await store.get(this.#key, signal);
      const expected = entry?.revision ?? 0;
      await store.put({ key: this.#key, value: Buffer.from("{}"), expected, ttlS }, signal);
      await this.#tell(signal);
    } catch (error) {
      if (!signal.aborted) log.warn("this server's address was not told", { reason: messageOf(error) });
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const { entries } = await this.#deps.store.list({ prefix }, signal);
    const addresses = entries.map(({ key }) => key.slice(prefix.length));
    const told = addresses.join();
    if (told === this.#told || addresses.length === 0) return;
    await this.#deps.changed(addresses, signal);
    this.#told = told;
  }
}
