import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import { abortable } from "#engine/content/abortable.ts";
import { BlobWriter } from "#engine/content/blob-writer.ts";
import type { Digest } from "#oci/digest.ts";

const READ_BYTES = 1024 * 1024;

/** What a finished upload is. */
export interface Uploaded {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * A blob on its way in: a file that grows, hashed as it does. One request writes at a time; the next one takes over from one that
 * still waits for its client, which may be gone without our having heard.
 */
export class Upload {
  readonly id: string;
  readonly repository: string;
  readonly path: string;
  readonly #turns = new KeyedLock();
  #taken = new AbortController();
  #writing: { readonly file: FileHandle; readonly writer: BlobWriter } | undefined;

  constructor(id: string, repository: string, path: string) {
    this.id = id;
    this.repository = repository;
    this.path = path;
  }

  /** Bytes that have come so far. */
  async offset(): Promise<number> {
    return this.#writing?.writer.size ?? (await sizeOf(this.path));
  }

  /**
   * Appends what `source` brings, as far as it comes, and returns the new size. `check` is told the size before, and throws what it
   * has against it.
   *
   * @throws what the source throws, and the disk's own errors
   */
  async append(
    source: AsyncIterable<Uint8Array>,
    check: (offset: number) => void,
    signal: AbortSignal,
  ): Promise<number> {
    return await this.#inTurn(async (taken) => {
      const { writer } = await this.#open();
      check(writer.size);
      try {
        await this.#writeAll(writer, abortable(source, AbortSignal.any([signal, taken])));
      } catch (error) {
        // What a failed write has left in the file is known only by reading it again.
        if (writer.hasFailed) await this.#close();
        throw error;
      }
      return writer.size;
    });
  }

  /** What came before the client went is good: it may go on there. */
  async #writeAll(writer: BlobWriter, source: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of source) await writer.write(chunk);
    } finally {
      await writer.flush();
    }
  }

  /** Everything is on disk when it resolves, and nothing is written any more. */
  async finish(): Promise<Uploaded> {
    return await this.#inTurn(async () => {
      const { writer } = await this.#open();
      const { size } = writer;
      const digest = await writer.finish();
      await this.#close();
      return { digest, size };
    });
  }

  /** The digest of a finished upload by SHA-512. */
  async sha512(): Promise<string> {
    const hash = createHash("sha512");
    for await (const chunk of createReadStream(this.path, { highWaterMark: READ_BYTES }))
      hash.update(chunk as Buffer);
    return `sha512:${hash.digest("hex")}`;
  }

  /** Closes the file and leaves it. A request that is still writing is ended. */
  async leave(): Promise<void> {
    await this.#inTurn(() => this.#close());
  }

  /** Removes the file. */
  async discard(): Promise<void> {
    await this.leave();
    await rm(this.path, { force: true });
  }

  async #inTurn<T>(work: (taken: AbortSignal) => Promise<T>): Promise<T> {
    this.#taken.abort(new Fault("conflict", "another request took the upload over"));
    const mine = new AbortController();
    this.#taken = mine;
    return await this.#turns.run("", () => work(mine.signal));
  }

  /** What a killed daemon has left is read once more, for its digest. */
  async #open(): Promise<{ readonly file: FileHandle; readonly writer: BlobWriter }> {
    if (this.#writing !== undefined) return this.#writing;
    const file = await open(this.path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const writer = new BlobWriter(file);
    try {
      for (;;) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) break;
        writer.adopt(buffer.subarray(0, bytesRead));
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#writing = { file, writer };
    return this.#writing;
  }

  async #close(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing?.writer.settle();
    await writing?.file.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
}
