import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { type Digest, hexOf, isDigest } from "#oci/digest.ts";
import { abortable } from "./abortable.ts";
import { BlobWriter } from "./blob-writer.ts";
import type { BlobInfo, ContentStore, Expected } from "./content-store.ts";
import { checkGrowth, checkWhole } from "./expected.ts";
import { digestOf, sha256Of } from "./sha256.ts";

const READ_BYTES = 1024 * 1024;
const STATS_AT_ONCE = 32;

/**
 * Opens the store under `root`, making its folders, and removes what killed ingests left behind. There must be one store a
 * root.
 *
 * @see docs/formats/content.md
 */
export async function openFileStore(root: string): Promise<ContentStore> {
  const folders = { blobs: join(root, "blobs", "sha256"), ingest: join(root, "ingest") };
  await rm(folders.ingest, { recursive: true, force: true });
  await mkdir(folders.ingest, { recursive: true, mode: 0o700 });
  await mkdir(folders.blobs, { recursive: true, mode: 0o700 });
  for (const folder of [root, join(root, "blobs"), folders.blobs]) await syncFolder(folder);
  return new FileStore(folders.blobs, folders.ingest);
}

class FileStore implements ContentStore {
  readonly #blobs: string;
  readonly #ingest: string;
  #ingests = 0;

  constructor(blobs: string, ingest: string) {
    this.#blobs = blobs;
    this.#ingest = ingest;
  }

  async ingest(
    source: AsyncIterable<Uint8Array>,
    expected: Expected,
    signal: AbortSignal,
  ): Promise<BlobInfo> {
    const path = join(this.#ingest, String(++this.#ingests));
    await using undo = new AsyncDisposableStack();
    try {
      const file = await open(path, "wx", 0o600);
      undo.defer(() => rm(path, { force: true }));
      const info = await writeBlob(file, source, expected, signal);
      await expected.claim?.(info.digest);
      await rename(path, this.pathOf(info.digest));
      undo.move();
      await syncFolder(this.#blobs);
      return info;
    } catch (error) {
      throw asFault(error);
    }
  }

  async find(digest: Digest): Promise<BlobInfo | undefined> {
    try {
      const { size } = await stat(this.pathOf(digest));
      return { digest, size };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async open(digest: Digest): Promise<Readable> {
    const file = await this.#openFile(digest);
    return Readable.from(verified(file, digest), { objectMode: false, highWaterMark: READ_BYTES });
  }

  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    await using file = await this.#openFile(digest);
    const { size } = await file.stat();
    if (size > maxBytes)
      throw new Fault("invalid", `blob ${digest} has ${size} bytes, at most ${maxBytes} are allowed`);
    const content = await file.readFile();
    if (sha256Of(content) !== digest) throw corrupt(digest);
    return content;
  }

  pathOf(digest: Digest): string {
    return join(this.#blobs, hexOf(digest));
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.pathOf(digest), { force: true });
  }

  async list(): Promise<readonly BlobInfo[]> {
    const digests = (await readdir(this.#blobs)).map((name) => `sha256:${name}`).filter(isDigest);
    const found: BlobInfo[] = [];
    for (let at = 0; at < digests.length; at += STATS_AT_ONCE) {
      const infos = await Promise.all(
        digests.slice(at, at + STATS_AT_ONCE).map((digest) => this.find(digest)),
      );
      for (const info of infos) if (info !== undefined) found.push(info);
    }
    return found;
  }

  async #openFile(digest: Digest): Promise<FileHandle> {
    try {
      return await open(this.pathOf(digest), "r");
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      throw new Fault("not-found", `blob ${digest} not found`, { detail: { digest } });
    }
  }
}

/** Writes, checks and syncs; the file is closed in any case. */
async function writeBlob(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  expected: Expected,
  signal: AbortSignal,
): Promise<BlobInfo> {
  await using closing = file;
  const writer = new BlobWriter(closing);
  try {
    for await (const chunk of abortable(source, signal)) {
      checkGrowth(writer.size + chunk.length, expected);
      await writer.write(chunk);
    }
    const info = { size: writer.size, digest: await writer.finish() };
    checkWhole(info, expected);
    return info;
  } finally {
    await writer.settle();
  }
}

/** The last chunk is held back until the whole is known to be sound. */
async function* verified(file: FileHandle, digest: Digest): AsyncGenerator<Buffer> {
  await using reading = file;
  const hash = createHash("sha256");
  let held: Buffer | undefined;
  for (;;) {
    const { buffer, bytesRead } = await reading.read(Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES);
    if (bytesRead === 0) break;
    if (held !== undefined) yield held;
    held = buffer.subarray(0, bytesRead);
    hash.update(held);
  }
  if (digestOf(hash) !== digest) throw corrupt(digest);
  if (held !== undefined) yield held;
}

function corrupt(digest: Digest): Fault {
  return new Fault("internal", `blob ${digest} is corrupt on disk: load or pull its image again`, {
    detail: { digest },
  });
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

function asFault(error: unknown): unknown {
  const code = codeOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new Fault("exhausted", "cannot write blob: no space left on device", { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
