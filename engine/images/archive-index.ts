import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import type { ByteText } from "#oci/tar/entry.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { Lease } from "#engine/gc/leases.ts";
import { archiveEntries } from "./archive-reader.ts";
import { type Compression, compressionOf } from "./decompress.ts";

/** A file of an archive: a blob already, or so small that it waits in memory until it is known to be needed. */
export interface ArchiveFile {
  readonly digest: Digest;
  readonly size: number;
  readonly compression: Compression;
  readonly bytes?: Buffer;
}

const SMALL_BYTES = 64 * 1024;
const MAX_BYTES_IN_MEMORY = 16 * 1024 * 1024;
const MAGIC_BYTES = 6;
const MAX_LINKS = 16;

export interface ArchiveDeps {
  readonly content: ContentStore;
  readonly lease: Lease;
}

/**
 * The files of an image archive by path, taken in with one pass over it. Every large file has become a blob under the lease: what
 * it is for is known only once the manifest has come, and that may be last.
 */
export class ArchiveIndex {
  readonly #files = new Map<string, ArchiveFile>();
  readonly #links = new Map<string, string>();
  readonly #deps: ArchiveDeps;
  #bytesInMemory = 0;

  private constructor(deps: ArchiveDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `invalid` for a broken archive or a file that does not have the digest it is named by */
  static async read(
    deps: ArchiveDeps,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<ArchiveIndex> {
    const index = new ArchiveIndex(deps);
    for await (const { entry, content } of archiveEntries(source)) {
      const path = pathOf(entry.path);
      if (entry.type === "file") index.#files.set(path, await index.#take(entry.size, content, path, signal));
      else if (entry.type === "link") index.#links.set(path, pathOf(entry.linkPath));
      else if (entry.type === "symlink")
        index.#links.set(path, normalise(posix.join(posix.dirname(path), decode(entry.linkPath))));
    }
    return index;
  }

  has(path: string): boolean {
    return this.#files.has(path) || this.#links.has(path);
  }

  /** Follows the links of old `docker save`, which writes a layer once and links to it. */
  find(path: string): ArchiveFile | undefined {
    let at = normalise(path);
    for (let count = 0; count < MAX_LINKS; count++) {
      const file = this.#files.get(at);
      if (file !== undefined) return file;
      const next = this.#links.get(at);
      if (next === undefined) return undefined;
      at = next;
    }
    throw new Fault("invalid", `too many links at ${path.slice(0, 200)} in the archive`);
  }

  /** @throws {Fault} `invalid` when the archive has no such file */
  get(path: string): ArchiveFile {
    const file = this.find(path);
    if (file === undefined) throw new Fault("invalid", `invalid archive: ${path.slice(0, 200)} is missing`);
    return file;
  }

  /** The content of a document. @throws {Fault} `invalid` when it is too large for one */
  async read(file: ArchiveFile): Promise<Buffer> {
    return file.bytes ?? (await this.#deps.content.read(file.digest, MAX_DOCUMENT_BYTES));
  }

  /** Makes sure that the file is a blob. */
  async keep(file: ArchiveFile, signal: AbortSignal): Promise<void> {
    if (file.bytes !== undefined) await storeBlob(this.#deps, file.bytes, signal);
  }

  async #take(
    size: number,
    content: AsyncGenerator<Uint8Array>,
    path: string,
    signal: AbortSignal,
  ): Promise<ArchiveFile> {
    const named = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
    const head = new Head();
    const bytes = head.watch(content);
    const isSmall = size <= SMALL_BYTES && this.#bytesInMemory + size <= MAX_BYTES_IN_MEMORY;
    const blob = isSmall
      ? await this.#takeIntoMemory(size, bytes)
      : await this.#deps.content.ingest(bytes, { size, claim: claimOf(this.#deps.lease) }, signal);
    if (named !== undefined && blob.digest !== `sha256:${named}`)
      throw new Fault("invalid", `invalid archive: ${path} has the digest ${blob.digest}`);
    return { ...blob, compression: compressionOf(head.bytes) };
  }

  async #takeIntoMemory(
    size: number,
    content: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly digest: Digest; readonly size: number; readonly bytes: Buffer }> {
    const bytes = Buffer.concat(await Array.fromAsync(content));
    this.#bytesInMemory += size;
    return { digest: sha256Of(bytes), size, bytes };
  }
}

/** Remembers how a stream began. */
class Head {
  bytes: Buffer = Buffer.alloc(0);

  async *watch(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      if (this.bytes.length < MAGIC_BYTES)
        this.bytes = Buffer.concat([this.bytes, chunk.subarray(0, MAGIC_BYTES)]);
      yield chunk;
    }
  }
}

/** Puts bytes into the store as a blob that the lease protects. */
export async function storeBlob(
  deps: ArchiveDeps,
  bytes: Uint8Array,
  signal: AbortSignal,
  isVolatile = false,
): Promise<Digest> {
  const source = (async function* () {
    yield bytes;
  })();
  const { digest } = await deps.content.ingest(source, { claim: claimOf(deps.lease), isVolatile }, signal);
  return digest;
}

export function claimOf(lease: Lease): (digest: Digest) => Promise<void> {
  return (digest) => lease.protect({ kind: "blob", ref: digest });
}

function decode(bytes: ByteText): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}

function pathOf(bytes: ByteText): string {
  return normalise(decode(bytes));
}

/** `./a//b` is `a/b`, so is `/a/b`. Nothing is ever written by these paths. */
function normalise(path: string): string {
  return posix.normalize(`/${path}`).slice(1).replace(/\/$/, "");
}
