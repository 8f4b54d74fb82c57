import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Digest } from "#oci/digest.ts";
import { digestOf } from "./sha256.ts";

/** A write starts when this much has gathered, or when the one before is done. */
const BATCH_BYTES = 1024 * 1024;
/** How much may wait while a write is under way. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** Hashing this much takes well under a millisecond, so other work gets its turn. */
const HASH_SLICE_BYTES = 1024 * 1024;
/** The kernel is told to start writing to disk each time this much is in the file, so that the last sync is short. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

/**
 * Writes a file and hashes it at once: while the main thread hashes one batch, the thread pool writes the one before, and a
 * third one may be on its way to the disk.
 */
export class BlobWriter {
  readonly #file: FileHandle;
  readonly #hash = createHash("sha256");
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #unsyncedBytes = 0;
  #size = 0;
  #written = 0;
  readonly #onWritten: ((bytes: number) => void) | undefined;

  /** @param onWritten told how many bytes the file has, as they get there */
  constructor(file: FileHandle, onWritten?: (bytes: number) => void) {
    this.#file = file;
    this.#onWritten = onWritten;
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  /** The file is not what was taken. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** What the file has already, in order, before anything is written. */
  adopt(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    this.#advance(chunk.length);
  }

  /** Resolves when there is room for more. The chunk must not change any more. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += HASH_SLICE_BYTES) {
      const slice = chunk.subarray(at, at + HASH_SLICE_BYTES);
      this.#hash.update(slice);
      this.#pending.push(slice);
      this.#pendingBytes += slice.length;
      this.#size += slice.length;
      if (this.#writing === undefined && this.#pendingBytes >= BATCH_BYTES) this.#startWrite();
      if (this.#pendingBytes >= MAX_PENDING_BYTES) await this.#writing;
      this.#throwFailure();
    }
  }

  /** Everything is in the file when it resolves, and more may follow. */
  async flush(): Promise<void> {
    await this.settle();
    while (this.#pendingBytes > 0 && this.#failure === undefined) {
      this.#startWrite();
      await this.#writing;
    }
    await this.settle();
    this.#throwFailure();
  }

  /** Everything is in the file when it resolves, and on disk unless that is not wanted. */
  async finish({ syncs }: { readonly syncs: boolean } = { syncs: true }): Promise<Digest> {
    await this.flush();
    if (syncs) await this.#file.datasync();
    return digestOf(this.#hash);
  }

  /** Resolves when nothing is under way in the background, so that the file may be closed. Never rejects. */
  async settle(): Promise<void> {
    while (this.#writing !== undefined || this.#syncing !== undefined)
      await Promise.all([this.#writing, this.#syncing]);
  }

  #startWrite(): void {
    const batch = this.#pending;
    const bytes = this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writing = this.#writeAll(batch, bytes)
      .then(() => {
        this.#advance(bytes);
        this.#syncNowAndThen(bytes);
      })
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#writing = undefined;
        const isReady = this.#failure === undefined && this.#pendingBytes >= BATCH_BYTES;
        if (isReady) this.#startWrite();
      });
  }

  #advance(bytes: number): void {
    this.#written += bytes;
    this.#onWritten?.(this.#written);
  }

  async #writeAll(batch: readonly Uint8Array[], bytes: number): Promise<void> {
    const { bytesWritten } = await this.#file.writev(batch);
    if (bytesWritten === bytes) return;
    // A short write: what is left goes out as one piece until the kernel says why it does not fit.
    let rest = Buffer.concat(batch).subarray(bytesWritten);
    while (rest.length > 0) rest = rest.subarray((await this.#file.write(rest)).bytesWritten);
  }

  #syncNowAndThen(bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES || this.#syncing !== undefined) return;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#file
      .datasync()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
