const initialBytes = 1024;

/**
 * Writes protobuf's wire format from its end to its start, so that the length of a message is known when it is to be written.
 * Whoever uses it writes fields and items in reverse.
 *
 * @see Protocol Buffers, "Encoding"
 */
export class WireWriter {
  #buffer = Buffer.allocUnsafe(initialBytes);
  #start = initialBytes;

  /** How much has been written. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** What has been written; the writer must not be used any more. */
  finish(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** The length of what was written since the writer had the given one, and the tag before it. */
  closeMessage(number: number, before: number): void {
    this.varint(this.length - before);
    this.tag(number, 2);
  }

  varint(value: number): void {
    if (value < 0x80) {
      this.#room(1);
      this.#buffer[--this.#start] = value;
      return;
    }
    let rest = value;
    let size = 0;
    for (let left = value; left >= 1; left = Math.floor(left / 128)) size++;
    this.#room(size);
    this.#start -= size;
    for (let at = 0; at < size; at++) {
      this.#buffer[this.#start + at] = (rest % 128) | (at < size - 1 ? 0x80 : 0);
      rest = Math.floor(rest / 128);
    }
  }

  int(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(Math.trunc(value)));
    this.#room(10);
    this.#start -= 10;
    for (let at = 0; at < 10; at++) {
      this.#buffer[this.#start + at] = Number(rest & 0x7fn) | (at < 9 ? 0x80 : 0);
      rest >>= 7n;
    }
  }

  double(value: number): void {
    this.#room(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  text(number: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.#room(size);
    this.#start -= size;
    this.#buffer.write(text, this.#start, "utf8");
    this.varint(size);
    this.tag(number, 2);
  }

  bytes(number: number, bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
    this.tag(number, 2);
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  #room(count: number): void {
    if (this.#start >= count) return;
    const used = this.length;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + count * 2));
    this.#buffer.copy(larger, larger.length - used, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - used;
  }
}
