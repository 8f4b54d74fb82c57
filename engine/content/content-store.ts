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
}

/**
 * Blobs by digest under `<root>/blobs/sha256/<hex>`. A blob is visible only when it is whole, verified and durable
 * (temporary file, fsync, rename, fsync of the folder); it never changes afterwards. A killed ingest leaves only a file
 * under `<root>/ingest`, which the next start removes.
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
  /** Undefined when there is no such blob. */
  find(digest: Digest): Promise<BlobInfo | undefined>;
  /** The stream fails with an `internal` fault before its end when the blob is corrupt. @throws {Fault} `not-found` */
  open(digest: Digest): Promise<Readable>;
  /** The whole blob, verified again. @throws {Fault} `not-found`; `invalid` when larger than `maxBytes`; `internal` when corrupt */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /** Where the blob's file is, for helpers that read it themselves. */
  pathOf(digest: Digest): string;
  /** Removing what is not there is fine. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly BlobInfo[]>;
}
