import { DecodeError } from "./decode-error.ts";

/** Values in one message, those within it counted: what memory a small message can ask for. */
const maxValues = 1_000_000;

/**
 * Reads protobuf's wire format from a slice. Numbers above 2^53 lose their last digits, as they do in JSON.
 *
 * @see Protocol Buffers, "Encoding"
 */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  readonly end: number;
  readonly #budget: { left: number };

  constructor(bytes: Uint8Array, budget = { left: maxValues }) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = 0;
    this.end = bytes.byteLength;
    this.#budget = budget;
  }

  get isDone(): boolean {
    return this.position >= this.end;
  }

  /** A field's number and wire type: `number << 3 | wire`. */
  tag(): number {
    if (--this.#budget.left < 0) throw new DecodeError("proto: too many values");
    return this.varint();
  }

  /** As an unsigned number. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let at = 0; at < 10; at++) {
      if (this.position >= this.end) throw new DecodeError("unexpected EOF");
      const byte = this.buffer[this.position++] ?? 0;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw new DecodeError("proto: integer overflow");
  }

  /** A signed number of 64 bits, which is also how those of 32 are written. */
  int(): number {
    const start = this.position;
    const value = this.varint();
    if (this.position - start < 10) return value;
    return this.#negative(start);
  }

  #negative(start: number): number {
    let value = 0n;
    for (let at = this.position - 1; at >= start; at--)
      value = (value << 7n) | BigInt((this.buffer[at] ?? 0) & 0x7f);
    return Number(BigInt.asIntN(64, value));
  }

  double(): number {
    this.#need(8);
    const value = this.buffer.readDoubleLE(this.position);
    this.position += 8;
    return value;
  }

  /** The end of what is as long as the length before it says; its start is where the reader is now. */
  lengthEnd(): number {
    const length = this.varint();
    this.#need(length);
    return this.position + length;
  }

  text(): string {
    const end = this.lengthEnd();
    const text = this.buffer.toString("utf8", this.position, end);
    this.position = end;
    return text;
  }

  bytes(): Buffer {
    const end = this.lengthEnd();
    const bytes = this.buffer.subarray(this.position, end);
    this.position = end;
    return bytes;
  }

  /** A message within this one. */
  nested(): WireReader {
    return new WireReader(this.bytes(), this.#budget);
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#skipBytes(8);
    else if (wire === 2) this.position = this.lengthEnd();
    else if (wire === 5) this.#skipBytes(4);
    else throw new DecodeError(`proto: illegal wireType ${wire}`);
  }

  #skipBytes(count: number): void {
    this.#need(count);
    this.position += count;
  }

  #need(count: number): void {
    if (this.position + count > this.end) throw new DecodeError("unexpected EOF");
  }
}
