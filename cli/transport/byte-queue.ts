/** Bytes that come by events, read by iteration. Says when it holds a lot, so that the sender can be paused. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #end: { readonly error?: Error } | undefined;
  #wake: (() => void) | undefined;
  readonly #setFlow: (isFlowing: boolean) => void;
  readonly #onLeave: () => void;
  #isFlowing = true;

  constructor(setFlow: (isFlowing: boolean) => void, onLeave: () => void) {
    this.#setFlow = setFlow;
    this.#onLeave = onLeave;
  }

  push(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    if (this.#held > mostHeld) this.#flow(false);
    this.#wake?.();
  }

  end(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#held -= chunk.length;
          yield chunk;
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error;
          return;
        } else {
          this.#flow(true);
          const { promise, resolve } = Promise.withResolvers<void>();
          this.#wake = resolve;
          await promise;
        }
      }
    } finally {
      this.#onLeave();
    }
  }

  #flow(isFlowing: boolean): void {
    if (this.#isFlowing === isFlowing) return;
    this.#isFlowing = isFlowing;
    this.#setFlow(isFlowing);
  }
}

const mostHeld = 1 << 20;
