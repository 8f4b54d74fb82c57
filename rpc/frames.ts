import type { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";

const headBytes = 5;
/** As Docker's daemon has it. */
export const maxMessageBytes = 16 << 20;

/** Takes messages out of the pieces of a gRPC stream. @see gRPC over HTTP2, "Length-Prefixed-Message" */
export class MessageReader {
  readonly #pieces: Buffer[] = [];
  #size = 0;

  /** @throws {Fault} `exhausted` for a message that is too large; `not-implemented` for a compressed one */
  *push(piece: Buffer): Generator<Buffer> {
    this.#pieces.push(piece);
    this.#size += piece.length;
    while (this.#size >= headBytes) {
      const head = this.#peek(headBytes);
      if (head[0] !== 0) throw new Fault("not-implemented", "grpc: compressed messages are not supported");
      const length = head.readUInt32BE(1);
      if (length > maxMessageBytes)
        throw new Fault(
          "exhausted",
          `grpc: received message larger than max (${length} vs. ${maxMessageBytes})`,
        );
      if (this.#size < headBytes + length) return;
      yield this.#take(headBytes + length).subarray(headBytes);
    }
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** The first bytes, in one piece. */
  #peek(length: number): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= length) return first;
    return this.#join();
  }

  #take(length: number): Buffer {
    const whole = this.#peek(length);
    const joined = whole.length >= length ? whole : this.#join();
    const rest = joined.subarray(length);
    this.#pieces[0] = rest;
    if (rest.length === 0) this.#pieces.shift();
    this.#size -= length;
    return joined.subarray(0, length);
  }

  #join(): Buffer {
    const whole = Buffer.concat(this.#pieces);
    this.#pieces.splice(0, this.#pieces.length, whole);
    return whole;
  }
}

/** All messages of a stream; nothing is read while one is dealt with. @throws as {@link MessageReader.push} */
export async function* messagesOf(stream: Readable): AsyncGenerator<Buffer> {
  const reader = new MessageReader();
  // Whoever has read enough may still have something to say on it.
  for await (const piece of stream.iterator({ destroyOnReturn: false })) yield* reader.push(piece as Buffer);
  if (!reader.isEmpty) throw new Fault("invalid", "grpc: unexpected end of stream");
}

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headBytes);
  return frame;
}
