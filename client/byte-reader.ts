import { Fault } from "#base/fault.ts";

/** Reads a byte stream in the pieces that a protocol has. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** What stands before `mark`, which is taken too. Undefined when the stream ends first. */
  async until(mark: Uint8Array, longest: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const at = indexOf(this.#held, mark);
      if (at >= 0) {
        const found = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return found;
      }
      if (this.#held.length > longest) throw new Fault("invalid", "the other side's line has no end");
      if (!(await this.#more())) return undefined;
    }
  }

  /** The next `length` bytes as they come. @throws {Fault} `unavailable` when the stream ends first */
  async *exactly(length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) throw new Fault("unavailable", "unexpected EOF");
      const piece = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** The next `length` bytes in one piece, undefined when the stream ends first. */
  async take(length: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < length) if (!(await this.#more())) return undefined;
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return piece;
  }

  /** Everything that is still to come. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#held.length > 0) {
        const piece = this.#held;
        this.#held = new Uint8Array();
        yield piece;
      } else if (!(await this.#more())) return;
    }
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? value : joined(this.#held, value);
    return true;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function indexOf(bytes: Uint8Array, mark: Uint8Array): number {
  for (let at = bytes.indexOf(mark[0] ?? 0); at >= 0; at = bytes.indexOf(mark[0] ?? 0, at + 1)) {
    if (at + mark.length > bytes.length) return -1;
    if (mark.every((byte, offset) => bytes[at + offset] === byte)) return at;
  }
  return -1;
}
