import type { Readable } from "node:stream";

/** Bytes of a stream in pieces of the size that its reader wants. Nothing is read ahead beyond what has come. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** Exactly so many; undefined when the stream ends before. */
  async take(size: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = size; left > 0; ) {
      const piece = await this.some(left);
      if (piece === undefined) return undefined;
      parts.push(piece);
      left -= piece.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** At least one byte, at most so many; undefined at the end. */
  async some(atMost: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, atMost);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
