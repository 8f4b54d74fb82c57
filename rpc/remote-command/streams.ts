import type { Readable, Writable } from "node:stream";
import type { RemoteStatus } from "./remote-status.ts";

/** Which streams a command has for its client. With a terminal its errors are among its output. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

/** A client that runs or attaches to a command, whatever its protocol. */
export interface RemoteStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Of the client's terminal, the first one first; ends with the client. */
  readonly sizes: AsyncIterable<TerminalSize> | undefined;
  /** Tells the client how it ended, once all output is on its way, and lets go of it. Never throws. */
  finish(status: RemoteStatus): Promise<void>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** Sizes as they come, for one reader. Those that it was too slow for are left out. */
export class SizeQueue implements AsyncIterable<TerminalSize> {
  #latest: TerminalSize | undefined;
  #wake: () => void = () => {};
  #isOver = false;

  /** Text of JSON, `{"Width":80,"Height":24}`; what makes no sense is left out. */
  pushText(text: string): void {
    try {
      const { Width: width, Height: height } = JSON.parse(text) as Record<string, unknown>;
      if (typeof width !== "number" || typeof height !== "number") return;
      this.#latest = { width: width & 0xffff, height: height & 0xffff };
      this.#wake();
    } catch {
      // no size
    }
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TerminalSize> {
    for (;;) {
      const size = this.#latest;
      this.#latest = undefined;
      if (size !== undefined) yield size;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** Ends a stream and waits until what was written is on its way, or it is gone. */
export async function flushed(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.writableFinished) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const event of ["finish", "close", "error"]) stream.once(event, () => resolve());
  stream.end();
  await promise;
}
