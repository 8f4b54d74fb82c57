import type { Duplex } from "node:stream";

/**
 * How long strangers may take for a request's head, however they dole it out: by default half a minute for the first on a
 * connection, and five minutes, with the silence before it, for each one later. Nothing runs against answers, uploads and streams.
 */
export class HeadDeadlines {
  readonly #firstMs: number;
  readonly #nextMs: number;
  readonly #timers = new WeakMap<Duplex, NodeJS.Timeout>();

  constructor(firstMs = 30_000, nextMs = 300_000) {
    this.#firstMs = firstMs;
    this.#nextMs = nextMs;
  }

  /** From now on a head is due on this connection, which is destroyed when none comes in time. */
  begin(connection: Duplex): void {
    this.#start(connection, this.#firstMs);
    connection.once("close", () => this.met(connection));
  }

  /** A head has come. */
  met(connection: Duplex): void {
    clearTimeout(this.#timers.get(connection));
  }

  /** The answer to it is out. Nothing happens on connections that have never begun. */
  beginNext(connection: Duplex): void {
    if (this.#timers.has(connection) && !connection.destroyed) this.#start(connection, this.#nextMs);
  }

  #start(connection: Duplex, ms: number): void {
    this.#timers.set(connection, setTimeout(() => connection.destroy(), ms).unref());
  }
}
