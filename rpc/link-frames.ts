import { Fault } from "#base/fault.ts";

/** What a frame is. */
export const kinds = {
  /** A call begins: JSON with its path and metadata. */
  open: 1,
  message: 2,
  /** The caller has no more messages. */
  finish: 3,
  /** The call is over: JSON with the trailers of gRPC. */
  end: 4,
  /** The caller gives up. */
  cancel: 5,
  /** So many bytes more may be sent: a number of 32 bits. */
  credit: 6,
} as const;

export interface Frame {
  /** Of the stream: odd for those of the side that opened the connection. */
  readonly id: number;
  readonly kind: number;
  readonly payload: Buffer;
}

/** Length of the payload and stream in 32 bits each, kind in 8; big-endian. */
const headBytes = 9;

/** A frame on the wire. A payload is not copied, unless it is small. */
export function frameBytes({ id, kind, payload }: Frame): readonly Uint8Array[] {
  const isSmall = payload.length <= 4096;
  const head = Buffer.allocUnsafe(headBytes + (isSmall ? payload.length : 0));
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(id, 4);
  head[8] = kind;
  if (!isSmall) return [head, payload];
  head.set(payload, headBytes);
  return [head];
}

/** Takes frames out of the pieces of a stream. */
export class FrameInput {
  readonly #longest: number;
  #pieces: Buffer[] = [];
  #size = 0;
  /** Bytes until the next frame is whole. */
  #needed = headBytes;

  /** @param longest payload that is taken, in bytes */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** @throws {Fault} `exhausted` for a payload that is too long */
  *push(piece: Uint8Array): Generator<Frame> {
    this.#pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    this.#size += piece.length;
    if (this.#size < this.#needed) return;
    let held = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    for (;;) {
      this.#needed = headBytes;
      if (held.length < headBytes) break;
      const length = held.readUInt32BE(0);
      if (length > this.#longest)
        throw new Fault("exhausted", `a message larger than ${this.#longest} bytes (${length})`);
      this.#needed = headBytes + length;
      if (held.length < this.#needed) break;
      yield { id: held.readUInt32BE(4), kind: held[8] ?? 0, payload: held.subarray(headBytes, this.#needed) };
      held = held.subarray(this.#needed);
    }
    this.#pieces = held.length === 0 ? [] : [held];
    this.#size = held.length;
  }
}
