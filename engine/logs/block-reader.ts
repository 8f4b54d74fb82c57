import type { FileHandle } from "node:fs/promises";

const firstReadBytes = 64 * 1024;
const largestReadBytes = 512 * 1024;
/** What a caller left of a block is put here, in front of the next one; more than that costs a buffer of its own. */
const headRoomBytes = 64 * 1024;

const nothing = Buffer.alloc(0);

interface Filled {
  readonly buffer: Buffer;
  readonly count: number;
}

/**
 * Reads a file in blocks of growing size. While the caller works on one block, the next is being read into the other of two
 * buffers, so a block is valid until the next one is asked for.
 */
export class BlockReader {
  readonly #handle: FileHandle;
  readonly #limit: number;
  #position: number;
  #readBytes = firstReadBytes;
  #spare: Buffer | undefined;
  #current: Buffer | undefined;
  #ahead: Promise<Filled> | undefined;

  /** Reads from `position` up to `limit`, or to the end of the file wherever that is then. */
  constructor(handle: FileHandle, position: number, limit = Number.POSITIVE_INFINITY) {
    this.#handle = handle;
    this.#position = position;
    this.#limit = limit;
  }

  /** Bytes of the file that were read. */
  get position(): number {
    return this.#position;
  }

  /**
   * The next bytes behind `rest`, which is what the caller did not use of the last block. Undefined at the end of the file:
   * `rest` stays valid then, and a later call finds what was appended.
   */
  async next(rest: Buffer): Promise<Buffer | undefined> {
    const { buffer, count } = await (this.#ahead ?? this.#read());
    this.#ahead = undefined;
    if (count === 0) {
      this.#spare = buffer;
      return undefined;
    }
    this.#position += count;
    const block = join(rest, buffer, count);
    this.#spare = this.#current;
    this.#current = buffer;
    if (count === buffer.length - headRoomBytes) {
      this.#readBytes = Math.min(this.#readBytes * 2, largestReadBytes);
      this.#ahead = this.#read();
      this.#ahead.catch(() => undefined); // who asks for the next block gets it
    }
    return block;
  }

  /** Lets go of the buffers until there is something to read again. `rest` stays valid. */
  idle(): void {
    this.#spare = undefined;
    this.#current = undefined;
    this.#readBytes = firstReadBytes;
  }

  /** Goes on from the start of the file, which was emptied. */
  rewind(): void {
    this.#position = 0;
    this.#ahead = undefined;
  }

  async #read(): Promise<Filled> {
    const wanted = Math.max(0, Math.min(this.#readBytes, this.#limit - this.#position));
    if (wanted === 0) return { buffer: nothing, count: 0 };
    const buffer =
      this.#spare !== undefined && this.#spare.length === headRoomBytes + wanted
        ? this.#spare
        : Buffer.allocUnsafeSlow(headRoomBytes + wanted);
    this.#spare = undefined;
    const { bytesRead } = await this.#handle.read(buffer, headRoomBytes, wanted, this.#position);
    return { buffer, count: bytesRead };
  }
}

function join(rest: Buffer, buffer: Buffer, count: number): Buffer {
  const end = headRoomBytes + count;
  if (rest.length > headRoomBytes) return Buffer.concat([rest, buffer.subarray(headRoomBytes, end)]);
  rest.copy(buffer, headRoomBytes - rest.length);
  return buffer.subarray(headRoomBytes - rest.length, end);
}
