import type { Readable } from "node:stream";
import type { Digest } from "#oci/digest.ts";

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Expected {
  readonly digest?: Digest;
  readonly size?: number;
  /**
   * Awaited when the digest is known and before anybody can see the blob: where a lease is put on it, so that no garbage
   * collection can come between. When it throws, so does the ingest, and nothing is left behind.
   */
  readonly claim?: (digest: Digest) => Promise<void>;
  /** The blob is of no use to who does not call {@link ContentStore.settle}: it can be read, but is not on disk yet. */
  readonly isVolatile?: boolean;
}

/** A blob that is known before it comes. */
export interface KnownBlob extends BlobInfo {
  readonly claim?: (digest: Digest) => Promise<void>;
  /**
   * Told of the file that the blob is put into and how many of its bytes can be read: none at first, and fewer than before when what
   * was there turns out to be wrong. The whole blob is verified only when `resume` resolves, and has another path by then.
   */
  readonly onGrowth?: (path: string, bytes: number) => void;
}

/**
 * Blobs by digest under `<root>/blobs/sha256/<hex>`. A blob is visible only when it is whole, verified and durable
 * (temporary file, fsync, rename, fsync of the folder); it never changes afterwards. A killed ingest leaves only a file
 * under `<root>/ingest`, which the next start removes. What a transfer has brought stays under `<root>/partial/<hex>`.
 *
 * @see docs/formats/content.md
 */
export interface ContentStore {
  /**
   * Takes the source in as a blob and returns its digest and size. A blob that is there already is written anew, which mends
   * one that has rotted. The source must not reuse the memory of its chunks.
   *
   * @throws {Fault} `invalid` when the content does not match what was expected, or is longer than `expected.size`;
   *   `exhausted` when the disk is full. Nothing is left behind then.
   */
  ingest(source: AsyncIterable<Uint8Array>, expected: Expected, signal: AbortSignal): Promise<BlobInfo>;
  /**
   * Takes a file in that `fill` makes at the path it is given and says everything about; volatile in any case.
   *
   * @throws what `fill` and `claim` throw; nothing is left behind then
   */
  ingestFile(
    fill: (path: string) => Promise<BlobInfo>,
    claim: (digest: Digest) => Promise<void>,
  ): Promise<BlobInfo>;
  /** Brings volatile blobs to the disk: they survive a power cut, and this process, from then on. */
  settle(): Promise<void>;
  /**
   * Takes a blob in that comes from afar, going on where an earlier try was broken off, also one of a daemon that was killed.
   * `sourceFrom` is called with the offset to go on at, and once more with 0 when what was there turns out to be rotten; not at
   * all when the blob is there by now. Of several at once for one blob one does the work.
   *
   * @throws {Fault} as ingest. What has come so far stays for the next try, unless it is wrong or the disk is full.
   */
  resume(
    blob: KnownBlob,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BlobInfo>;
  /**
   * Takes over a file on the store's file system by renaming it: whoever wrote it has hashed it and has it on disk, and a lease
   * on the digest.
   */
  adopt(path: string, digest: Digest): Promise<void>;
  /** Removes what broken-off transfers have left, but for blobs that are still wanted. */
  dropPartial(isWanted: (digest: Digest) => boolean): Promise<void>;
  /** Undefined when there is no such blob. */
  find(digest: Digest): Promise<BlobInfo | undefined>;
  /** The stream fails with an `internal` fault before its end when the blob is corrupt. @throws {Fault} `not-found` */
  open(digest: Digest): Promise<Readable>;
  /** The whole blob, verified again. @throws {Fault} `not-found`; `invalid` when larger than `maxBytes`; `internal` when corrupt */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /**
   * The names of the blob's file, for who reads it without the store: the first that is there is it, however late it is opened. A
   * volatile blob has another name when it has settled.
   */
  pathsOf(digest: Digest): readonly string[];
  /** Removing what is not there is fine. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly BlobInfo[]>;
}
