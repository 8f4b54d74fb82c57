/** So many lines may wait for a slow client before whoever makes them waits too. */
const maxWaiting = 64;

/** JSON objects on their way to a client, one a line; whoever pushes waits while the client is slow. */
export class LineQueue {
  readonly #waiting: string[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake = () => {};
  #room: (() => void)[] = [];
  #isClosed = false;

  /** Settles when there is room for more, or nobody reads any more. */
  async push(line: object): Promise<void> {
    if (this.#isClosed) return;
    this.#waiting.push(`${JSON.stringify(line)}\r\n`);
    this.#wake();
    if (this.#waiting.length < maxWaiting) return;
    await new Promise<void>((resolve) => this.#room.push(resolve));
  }

  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  /** The lines, until the end or the failure. @param onLeave called when the reader stops before */
  async *lines(onLeave: () => void): AsyncGenerator<string> {
    try {
      for (;;) {
        if (this.#waiting.length > 0) {
          const lines = this.#waiting.splice(0).join("");
          this.#makeRoom();
          yield lines;
        } else if (this.#end !== undefined) break;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      if ("error" in this.#end) throw this.#end.error;
    } finally {
      this.#isClosed = true;
      this.#makeRoom();
      if (this.#end === undefined) onLeave();
    }
  }

  #makeRoom(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }
}
