import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { firstThere } from "#engine/content/first-there.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { Digest } from "#oci/digest.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { TarReader } from "#oci/tar/reader.ts";
import type { FinishedSnapshot, LayerSource, OverlayMount, Snapshotter } from "./snapshotter.ts";

interface Snapshot {
  readonly id: number;
  readonly kind: "layer" | "container";
  readonly parent?: string;
  readonly bytes: number;
}

/**
 * A snapshotter that checks layers as thoroughly as the real one (digest, archive), keeps the same rules, and unpacks nothing.
 * Its mounts name folders that do not exist. For tests of what is built on snapshots, where nobody looks into a file system.
 */
export class MemorySnapshotter implements Snapshotter {
  readonly root = "/nonexistent/snapshots";
  readonly #snapshots = new Map<string, Snapshot>();
  #lastId = 0;

  hasLayer(chainId: Digest): boolean {
    return this.#snapshots.get(chainId)?.kind === "layer";
  }

  async unpack(
    chainId: Digest,
    parent: Digest | undefined,
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.hasLayer(chainId)) return;
    await source.early?.ready;
    this.#checkParent(parent);
    const bytes = checkLayer(await firstThere(source.paths, (path) => readFile(path)), source.diffId);
    signal.throwIfAborted();
    this.#checkParent(parent);
    if (!this.hasLayer(chainId)) this.#add(chainId, "layer", parent, bytes);
  }

  /** Nothing is on disk that could be altered. */
  async verify(): Promise<readonly string[]> {
    return [];
  }

  async prepare(containerId: string, parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#snapshots.has(containerId))
      throw new Fault("already-exists", `snapshot ${containerId} exists already`);
    this.#checkParent(parent);
    this.#add(containerId, "container", parent, 0);
  }

  /** Nothing was written that could have changed. */
  async finish(containerId: string): Promise<FinishedSnapshot> {
    this.#get(containerId);
    return { digest: sha256Of(""), size: 0, bytes: 0 };
  }

  async turn(containerId: string, chainId: Digest, { bytes }: FinishedSnapshot): Promise<void> {
    const { parent } = this.#get(containerId);
    this.#snapshots.delete(containerId);
    if (!this.hasLayer(chainId)) this.#add(chainId, "layer", parent as Digest | undefined, bytes);
  }

  /** There are no files. */
  async copyOut(_chainId: string, path: string): Promise<void> {
    throw new Fault("not-found", `no ${path} here`);
  }

  async settle(): Promise<void> {}

  mountOf(key: string): OverlayMount {
    const snapshot = this.#get(key);
    const lower: string[] = [];
    let above = snapshot.kind === "layer" ? key : snapshot.parent;
    while (above !== undefined) {
      const { id, parent } = this.#get(above);
      lower.push(`${id}/fs`);
      above = parent;
    }
    if (snapshot.kind === "layer") return { lower: lower.length > 1 ? lower : [...lower, "empty"] };
    const { id } = snapshot;
    return { lower: lower.length > 0 ? lower : ["empty"], upper: `${id}/fs`, work: `${id}/work` };
  }

  async usage(key: string): Promise<number> {
    return this.#get(key).bytes;
  }

  async remove(key: string): Promise<void> {
    this.#get(key);
    if (this.#hasChildren(key)) throw new Fault("conflict", `snapshot ${key} is in use by another one`);
    this.#snapshots.delete(key);
  }

  list(): readonly {
    readonly key: string;
    readonly kind: "layer" | "container";
    readonly parent?: string;
  }[] {
    return [...this.#snapshots]
      .filter(([key, { kind }]) => kind === "container" || !this.#hasChildren(key))
      .map(([key, { kind, parent }]) => ({ key, kind, ...(parent === undefined ? {} : { parent }) }));
  }

  async reconcile(): Promise<void> {}

  #add(key: string, kind: Snapshot["kind"], parent: string | undefined, bytes: number): void {
    this.#snapshots.set(key, {
      id: ++this.#lastId,
      kind,
      bytes,
      ...(parent === undefined ? {} : { parent }),
    });
  }

  #checkParent(parent: Digest | undefined): void {
    if (parent !== undefined && !this.hasLayer(parent))
      throw new Fault("not-found", `snapshot ${parent} not found`);
  }

  #hasChildren(key: string): boolean {
    return [...this.#snapshots.values()].some(({ parent }) => parent === key);
  }

  #get(key: string): Snapshot {
    const snapshot = this.#snapshots.get(key);
    if (snapshot === undefined) throw new Fault("not-found", `snapshot ${key} not found`);
    return snapshot;
  }
}

/** Returns the bytes of the layer's files. @throws {Fault} `invalid` */
function checkLayer(blob: Buffer, diffId: Digest): number {
  const archive = decompressed(blob);
  let bytes = 0;
  const reader = new TarReader({
    entry: (entry: TarEntry) => {
      bytes += entry.size;
    },
    data: () => {},
    endEntry: () => {},
  });
  reader.write(archive);
  reader.end();
  const found = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
  if (found !== diffId) throw new Fault("invalid", `layer has diff ID ${found}, its image says ${diffId}`);
  return bytes;
}

function decompressed(blob: Buffer): Buffer {
  try {
    if (blob.readUint16BE(0) === 0x1f8b) return gunzipSync(blob);
    return blob.readUint32BE(0) === 0x28b52ffd ? zstdDecompressSync(blob) : blob;
  } catch (error) {
    throw new Fault("invalid", "archive cannot be decompressed", { cause: error });
  }
}
