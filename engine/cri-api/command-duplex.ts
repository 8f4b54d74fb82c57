import { Duplex } from "node:stream";
import type { RemoteStreams } from "#rpc/remote-command/streams.ts";
import { OutputReader, streamNumber } from "#engine/supervise/output-frames.ts";

type Ends = Pick<RemoteStreams, "stdin" | "stdout" | "stderr">;

/**
 * A client's streams as the one stream that containers are joined to: what is written is output, in frames unless there is a
 * terminal, and what is read is input. It is gone when the client is.
 */
export function commandDuplex(client: Ends & { readonly signal: AbortSignal }, tty: boolean): Duplex {
  const { stdin, stdout, stderr, signal } = client;
  const reader = new OutputReader();
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => void stdin?.resume(),
    write: (bytes: Buffer, _encoding, done) => {
      const pieces = tty ? [{ stream: streamNumber.stdout, bytes }] : reader.take(bytes);
      writeAll(pieces, { stdout, stderr }).then(
        () => done(),
        () => done(),
      );
    },
  });
  stdin?.on("data", (bytes: Buffer) => {
    if (!duplex.push(bytes)) stdin.pause();
  });
  stdin?.once("end", () => duplex.push(null));
  if (stdin === undefined) duplex.push(null);
  const leave = () => duplex.destroy();
  signal.addEventListener("abort", leave, { once: true });
  duplex.once("close", () => signal.removeEventListener("abort", leave));
  if (signal.aborted) leave();
  return duplex;
}

async function writeAll(
  pieces: readonly { readonly stream: number; readonly bytes: Buffer }[],
  { stdout, stderr }: Omit<Ends, "stdin">,
): Promise<void> {
  for (const { stream, bytes } of pieces) {
    const target = stream === streamNumber.stderr ? stderr : stdout;
    if (target === undefined || target.destroyed || bytes.length === 0) continue;
    // The bytes may be a view of a buffer that is used again.
    await new Promise<void>((resolve) => target.write(Buffer.from(bytes), () => resolve()));
  }
}

/** Output that is collected, up to a limit; the rest is dropped. */
export class CollectedOutput {
  readonly #parts: Buffer[] = [];
  #left: number;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  take(bytes: Buffer): void {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    if (part.length > 0) this.#parts.push(Buffer.from(part));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** A client without input, for a command whose output is collected. */
export function collectingDuplex(stdout: CollectedOutput, stderr: CollectedOutput): Duplex {
  const reader = new OutputReader();
  return new Duplex({
    allowHalfOpen: true,
    read() {
      this.push(null);
    },
    write: (bytes: Buffer, _encoding, done) => {
      for (const piece of reader.take(bytes))
        (piece.stream === streamNumber.stderr ? stderr : stdout).take(piece.bytes);
      done();
    },
  });
}
