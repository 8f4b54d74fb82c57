import type { Readable } from "node:stream";
import type { Digest } from "#oci/digest.ts";

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
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
   * Takes the source in as a blob and returns its digest and size.
   *
   * @throws {Fault} `invalid` when the content does not match what was expected, or is longer than `expected.size`;
   *   `exhausted` when the disk is full. Nothing is left behind then.
   */
  ingest(
    source: AsyncIterable<Uint8Array>,
    expected: { readonly digest?: Digest; readonly size?: number },
    signal: AbortSignal,
  ): Promise<BlobInfo>;
  /** Undefined when there is no such blob. */
  find(digest: Digest): Promise<BlobInfo | undefined>;
  /** @throws {Fault} `not-found` */
  open(digest: Digest): Promise<Readable>;
  /** The whole blob, verified again. @throws {Fault} `not-found`; `invalid` when larger than `maxBytes`; `internal` when corrupt */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;
  /** Where the blob's file is, for helpers that read it themselves. */
  pathOf(digest: Digest): string;
  /** Removing what is not there is fine. */
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly BlobInfo[]>;
}
