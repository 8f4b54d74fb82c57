import { readFile } from "node:fs/promises";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { firstThere } from "#engine/content/first-there.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { FinishedSnapshot, LayerSource, Snapshotter } from "#engine/snapshots/snapshotter.ts";

interface Node {
  readonly kind: "layer" | "container";
  readonly parent: string | undefined;
  readonly bytes: number;
}

/**
 * Layers as rows without folders, for tests of what stands above a snapshotter. It keeps the port's promises about parents,
 * conflicts and diff IDs. `turn` is awaited where a real one waits for the disk.
 */
export class FakeSnapshotter implements Snapshotter {
  readonly root = "/nonexistent/snapshots";
  /** Chain IDs in the order in which unpacking was over. */
  readonly unpacked: string[] = [];
  readonly #nodes = new Map<string, Node>();
  readonly #turn: () => Promise<void>;

  constructor(turn: () => Promise<void> = async () => {}) {
    this.#turn = turn;
  }

  hasLayer(chainId: string): boolean {
    return this.#nodes.get(chainId)?.kind === "layer";
  }

  async unpack(chainId: string, parent: string | undefined, source: LayerSource): Promise<void> {
    await this.#turn();
    await source.early?.ready;
    const content = inflate(await firstThere(source.paths, (path) => readFile(path)));
    if (sha256Of(content) !== source.diffId)
      throw new Fault("invalid", `layer does not match its diff ID ${source.diffId}`);
    this.add(chainId, parent, content.length);
    this.unpacked.push(chainId);
  }

  /** A layer out of nothing. */
  add(chainId: string, parent: string | undefined, bytes = 1): void {
    if (parent !== undefined && !this.#nodes.has(parent)) throw new Fault("not-found", `no layer ${parent}`);
    if (!this.#nodes.has(chainId)) this.#nodes.set(chainId, { kind: "layer", parent, bytes });
  }

  /** Nothing is on disk that could be altered. */
  async verify(): Promise<readonly string[]> {
    return [];
  }

  async prepare(containerId: string, parent: string | undefined): Promise<void> {
    await this.#turn();
    if (this.#nodes.has(containerId)) throw new Fault("already-exists", `snapshot ${containerId} exists`);
    if (parent !== undefined && !this.#nodes.has(parent)) throw new Fault("not-found", `no layer ${parent}`);
    this.#nodes.set(containerId, { kind: "container", parent, bytes: 0 });
  }

  async finish(): Promise<FinishedSnapshot> {
    return { digest: sha256Of(""), size: 0, bytes: 0 };
  }

  async turn(containerId: string, chainId: string, { bytes }: FinishedSnapshot): Promise<void> {
    const parent = this.#nodes.get(containerId)?.parent;
    this.#nodes.delete(containerId);
    this.add(chainId, parent, bytes);
  }

  /** There are no files. */
  async copyOut(_chainId: string, path: string): Promise<void> {
    throw new Fault("not-found", `no ${path} here`);
  }

  async settle(): Promise<void> {}

  mountOf(key: string): { lower: string[] } {
    const lower: string[] = [];
    for (let at: string | undefined = key; at !== undefined; at = this.#nodes.get(at)?.parent)
      lower.push(`${at.slice(-6)}/fs`);
    return { lower };
  }

  async usage(key: string): Promise<number> {
    const node = this.#nodes.get(key);
    if (node === undefined) throw new Fault("not-found", `no snapshot ${key}`);
    return node.bytes;
  }

  async remove(key: string): Promise<void> {
    await this.#turn();
    if (!this.#nodes.has(key)) throw new Fault("not-found", `no snapshot ${key}`);
    for (const { parent } of this.#nodes.values())
      if (parent === key) throw new Fault("conflict", `snapshot ${key} has children`);
    this.#nodes.delete(key);
  }

  list(): { key: string; kind: "layer" | "container"; parent?: string }[] {
    const parents = new Set(Array.from(this.#nodes.values(), ({ parent }) => parent));
    return Array.from(this.#nodes, ([key, { kind, parent }]) => ({
      key,
      kind,
      ...(parent === undefined ? {} : { parent }),
    })).filter(({ key, kind }) => kind === "container" || !parents.has(key));
  }

  async reconcile(): Promise<void> {}
}

function inflate(content: Buffer): Buffer {
  if (content[0] === 0x1f && content[1] === 0x8b) return gunzipSync(content);
  if (content.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(content);
  return content;
}
