import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { constants, statSync } from "node:fs";
import { link, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Fault, isFault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import { type Digest, hexOf, isDigest } from "#oci/digest.ts";
import { abortable } from "./abortable.ts";
import { BlobWriter } from "./blob-writer.ts";
import type { BlobInfo, ContentStore, Expected, KnownBlob } from "./content-store.ts";
import { checkGrowth, checkWhole } from "./expected.ts";
import { firstThere } from "./first-there.ts";
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
  const folders = {
    blobs: join(root, "blobs", "sha256"),
    ingest: join(root, "ingest"),
    partial: join(root, "partial"),
  };
  await rm(folders.ingest, { recursive: true, force: true });
  await mkdir(folders.ingest, { recursive: true, mode: 0o700 });
  await mkdir(folders.partial, { recursive: true, mode: 0o700 });
  await mkdir(folders.blobs, { recursive: true, mode: 0o700 });
  for (const folder of [root, join(root, "blobs"), folders.blobs]) await syncFolder(folder);
  return new FileStore(folders);
}

class FileStore implements ContentStore {
  readonly #blobs: string;
  readonly #ingest: string;
  readonly #partial: string;
  readonly #transfers = new KeyedLock();
  readonly #settling = new KeyedLock();
  /** Blobs that are on no disk yet, and the files they are in for now. */
  readonly #volatile = new Map<Digest, string>();
  #ingests = 0;

  constructor(folders: { readonly blobs: string; readonly ingest: string; readonly partial: string }) {
    this.#blobs = folders.blobs;
    this.#ingest = folders.ingest;
    this.#partial = folders.partial;
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
      if (expected.isVolatile === true) {
        undo.move();
        await this.#keepVolatile(info.digest, path);
        return info;
      }
      await rename(path, this.#placeOf(info.digest));
      undo.move();
      await syncFolder(this.#blobs);
      return info;
    } catch (error) {
      throw asFault(error);
    }
  }

  async ingestFile(
    fill: (path: string) => Promise<BlobInfo>,
    claim: (digest: Digest) => Promise<void>,
  ): Promise<BlobInfo> {
    const path = join(this.#ingest, String(++this.#ingests));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rm(path, { force: true }));
    const info = await fill(path);
    await claim(info.digest);
    undo.move();
    await this.#keepVolatile(info.digest, path);
    return info;
  }

  async settle(): Promise<void> {
    await this.#settling.run("", async () => {
      const blobs = [...this.#volatile];
      if (blobs.length === 0) return;
      for (const [digest, path] of blobs) await this.#settleOne(digest, path);
      await syncFolder(this.#blobs);
    });
  }

  async #settleOne(digest: Digest, path: string): Promise<void> {
    try {
      await using file = await open(path, "r");
      await file.datasync();
      if (this.#volatile.get(digest) !== path) return; // removed or replaced meanwhile
      const second = `${path}-settled`;
      await link(path, second);
      await rename(second, this.#placeOf(digest));
      // Two names of one file: the rename has done nothing.
      await rm(second, { force: true });
      this.#volatile.delete(digest);
      await rm(path, { force: true });
    } catch (error) {
      throw asFault(error);
    }
  }

  /** The same content that is there already stays: somebody may be about to open it. */
  async #keepVolatile(digest: Digest, path: string): Promise<void> {
    if (this.#volatile.has(digest)) await rm(path, { force: true });
    else this.#volatile.set(digest, path);
  }

  async resume(
    blob: KnownBlob,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BlobInfo> {
    return await this.#transfers.run(blob.digest, async () => {
      const { digest, claim } = blob;
      if (claim !== undefined) await claim(digest);
      const known = await this.find(digest);
      if (known !== undefined) {
        if (this.#volatile.has(digest)) await this.settle();
        return known;
      }
      const path = join(this.#partial, hexOf(digest));
      try {
        await this.#transfer(path, blob, sourceFrom, signal);
        await rename(path, this.#placeOf(digest));
        await syncFolder(this.#blobs);
        return { digest, size: blob.size };
      } catch (error) {
        const fault = asFault(error);
        if (isFault(fault, "invalid") || isFault(fault, "exhausted")) await rm(path, { force: true });
        throw fault;
      }
    });
  }

  /** What a power cut has made of the file is known only at its end: then everything is fetched once more. */
  async #transfer(
    path: string,
    expected: KnownBlob,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const { size: offset } = await file.stat();
    try {
      if (offset <= expected.size)
        return void (await writeBlob(file, sourceFrom(offset), growing(path, expected), signal, offset));
      await file.close();
    } catch (error) {
      if (offset === 0 || !isFault(error, "invalid")) throw error;
    }
    await rm(path);
    await writeBlob(await open(path, "wx", 0o600), sourceFrom(0), growing(path, expected), signal);
  }

  async adopt(path: string, digest: Digest): Promise<void> {
    await rename(path, this.#placeOf(digest));
    await syncFolder(this.#blobs);
  }

  async dropPartial(isWanted: (digest: Digest) => boolean): Promise<void> {
    for (const name of await readdir(this.#partial)) {
      const digest = `sha256:${name}`;
      if (isDigest(digest) && (isWanted(digest) || this.#transfers.isHeld(digest))) continue;
      await rm(join(this.#partial, name), { force: true });
    }
  }

  async find(digest: Digest): Promise<BlobInfo | undefined> {
    // What the kernel knows is told faster than a thread is woken to ask for it, and a cached build asks for every layer.
    for (const path of this.pathsOf(digest)) {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found !== undefined) return { digest, size: found.size };
    }
    return undefined;
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

  pathsOf(digest: Digest): readonly string[] {
    const volatile = this.#volatile.get(digest);
    const place = this.#placeOf(digest);
    return volatile === undefined ? [place] : [volatile, place];
  }

  #placeOf(digest: Digest): string {
    return join(this.#blobs, hexOf(digest));
  }

  async remove(digest: Digest): Promise<void> {
    const paths = this.pathsOf(digest);
    this.#volatile.delete(digest);
    for (const path of paths) await rm(path, { force: true });
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
      return await firstThere(this.pathsOf(digest), (path) => open(path, "r"));
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      throw new Fault("not-found", `blob ${digest} not found`, { detail: { digest } });
    }
  }
}

interface Growing extends Expected {
  readonly onWritten?: (bytes: number) => void;
}

function growing(path: string, blob: KnownBlob): Growing {
  const { onGrowth } = blob;
  return onGrowth === undefined ? blob : { ...blob, onWritten: (bytes) => onGrowth(path, bytes) };
}

/** Writes behind the first `offset` bytes, checks and syncs; the file is closed in any case. */
async function writeBlob(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  expected: Growing,
  signal: AbortSignal,
  offset = 0,
): Promise<BlobInfo> {
  await using closing = file;
  const writer = new BlobWriter(closing, expected.onWritten);
  expected.onWritten?.(0);
  try {
    if (offset > 0) for await (const chunk of chunksOf(closing)) writer.adopt(chunk);
    for await (const chunk of abortable(source, signal)) {
      checkGrowth(writer.size + chunk.length, expected);
      await writer.write(chunk);
    }
    const info = { size: writer.size, digest: await writer.finish({ syncs: expected.isVolatile !== true }) };
    checkWhole(info, expected);
    return info;
  } finally {
    await writer.settle();
  }
}

/** From where the file stands, to its end. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** The last chunk is held back until the whole is known to be sound. */
async function* verified(file: FileHandle, digest: Digest): AsyncGenerator<Buffer> {
  await using reading = file;
  const hash = createHash("sha256");
  let held: Buffer | undefined;
  for await (const chunk of chunksOf(reading)) {
    if (held !== undefined) yield held;
    held = chunk;
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
