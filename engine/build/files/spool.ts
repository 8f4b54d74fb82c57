import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { Fault } from "#base/fault.ts";

const inMemoryBytes = 1 << 20;
const readBytes = 1 << 18;

/**
 * Content of files that a build was sent: in memory while it is small, else in a file that has no name any more, so that it is
 * gone with the process, however that ends. Disposing of it frees both.
 */
export class Spool implements Disposable {
  readonly #folder: string;
  #memory: Buffer | undefined = Buffer.alloc(16 << 10);
  #fd = -1;
  #size = 0;

  /** @param folder where the file would be; made when it is missing */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** One whose file is there, and has content already. The descriptor is closed with it. */
  static over(fd: number, size: number): Spool {
    const spool = new Spool("");
    spool.#memory = undefined;
    spool.#fd = fd;
    spool.#size = size;
    return spool;
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  /** Keeps `size` bytes for a file; they are zeros until written. Returns where they begin. */
  reserve(size: number): number {
    const start = this.#size;
    this.#size += size;
    if (this.#memory !== undefined) this.#growTo(this.#size);
    return start;
  }

  /** @throws {Fault} `exhausted` when the disk is full */
  write(position: number, bytes: Uint8Array): void {
    if (this.#memory !== undefined) {
      this.#memory.set(bytes, position);
      return;
    }
    try {
      for (let at = 0; at < bytes.length; )
        at += writeSync(this.#fd, bytes, at, bytes.length - at, position + at);
    } catch (error) {
      throw faultOfDisk(error);
    }
  }

  /** In pieces that are the caller's to keep. Bytes never written are zeros. */
  *read(position: number, size: number): Generator<Buffer> {
    if (this.#memory !== undefined) {
      if (size > 0) yield Buffer.from(this.#memory.subarray(position, position + size));
      return;
    }
    for (let at = 0; at < size; ) {
      const piece = Buffer.alloc(Math.min(readBytes, size - at));
      readSync(this.#fd, piece, 0, piece.length, position + at);
      yield piece;
      at += piece.length;
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#memory = undefined;
  }

  #growTo(size: number): void {
    const memory = this.#memory as Buffer;
    if (size > inMemoryBytes) return this.#moveToDisk(memory);
    if (size <= memory.length) return;
    const larger = Buffer.alloc(Math.max(size, memory.length * 2));
    larger.set(memory);
    this.#memory = larger;
  }

  #moveToDisk(memory: Buffer): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      const path = join(this.#folder, `spool-${randomUUID()}`);
      this.#fd = openSync(path, "wx+", 0o600);
      unlinkSync(path);
      this.#memory = undefined;
      this.write(0, memory);
    } catch (error) {
      throw faultOfDisk(error);
    }
  }
}

function faultOfDisk(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new Fault("exhausted", "no space left on device", { cause: error });
}
