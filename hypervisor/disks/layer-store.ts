import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Changes, RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import { createImage, growImage } from "./qemu-img.ts";

/** A qcow2 file: what a disk has written since, on top of its parent. Only the topmost of a disk is ever written. */
export interface LayerRecord extends StoredRecord {
  readonly parent?: string;
  /** What a guest sees. */
  readonly capacityBytes: number;
}

const kind = "layer";
const extension = ".qcow2";

/**
 * The files of all disks. A copy of any size is one more layer on the same parent; a layer goes when nothing needs it any more.
 * Files come before their records and go after them: what has no record at the start is removed.
 */
export class LayerStore {
  readonly folder: string;
  readonly #records: RecordStore;
  readonly #holders: () => Iterable<string>;
  readonly #lock = new KeyedLock();
  /** By the work that is adding now. */
  readonly #made: string[] = [];

  /** @param deps.holders the layers that something needs, those below them left out */
  constructor(deps: {
    readonly folder: string;
    readonly records: RecordStore;
    readonly holders: () => Iterable<string>;
  }) {
    this.folder = deps.folder;
    this.#records = deps.records;
    this.#holders = deps.holders;
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    for (const file of readdirSync(this.folder)) {
      const uuid = file.endsWith(extension) ? file.slice(0, -extension.length) : undefined;
      if (uuid !== undefined && this.find(uuid) === undefined)
        rmSync(join(this.folder, file), { force: true });
    }
  }

  find(uuid: string): LayerRecord | undefined {
    return this.#records.find<LayerRecord>(kind, uuid);
  }

  /** The layer and those below it, the topmost first. */
  chainOf(uuid: string): readonly LayerRecord[] {
    const chain: LayerRecord[] = [];
    for (
      let at = this.find(uuid);
      at !== undefined;
      at = at.parent === undefined ? undefined : this.find(at.parent)
    )
      chain.push(at);
    return chain;
  }

  /** Relative to {@link folder}, as QEMU is told. */
  fileOf(uuid: string): string {
    return `${uuid}${extension}`;
  }

  pathOf(uuid: string): string {
    return join(this.folder, this.fileOf(uuid));
  }

  /** What the layer itself takes on the host. Bytes. */
  allocatedBytes(uuid: string): number {
    try {
      return statSync(this.pathOf(uuid)).blocks * 512;
    } catch {
      return 0;
    }
  }

  /**
   * Runs work that adds layers and records who needs them, while nothing is collected. When it throws, what it has made and not
   * recorded is gone.
   */
  async adding<T>(work: () => Promise<T>): Promise<T> {
    return await this.#lock.run("", async () => {
      this.#made.length = 0;
      try {
        return await work();
      } catch (error) {
        for (const uuid of this.#made)
          if (this.find(uuid) === undefined) rmSync(this.pathOf(uuid), { force: true });
        throw error;
      }
    });
  }

  /**
   * Makes the file of a new layer, empty, or on top of another one. Part of {@link adding}; the caller records it by
   * {@link record} in the change that makes it needed, or nobody ever sees it.
   */
  async create(
    layer: { readonly capacityBytes: number; readonly parent?: string; readonly userId: number },
    signal: AbortSignal,
  ): Promise<LayerRecord> {
    const uuid = randomUUID();
    this.#made.push(uuid);
    const { parent, capacityBytes } = layer;
    // The parent is named without its folder: both move together.
    await createImage(
      this.pathOf(uuid),
      { bytes: capacityBytes, ...(parent !== undefined && { backing: this.fileOf(parent) }) },
      signal,
    );
    this.give(uuid, layer.userId);
    return { uuid, capacityBytes, ...(parent !== undefined && { parent }) };
  }

  /** Lets one user write the layer; everybody whom the folder lets in may read it. */
  give(uuid: string, userId: number): void {
    chownSync(this.pathOf(uuid), userId, userId);
    chmodSync(this.pathOf(uuid), 0o644);
  }

  /** Nobody writes the layer any more: not even whoever wrote it, for others read it from now on. */
  still(uuid: string): void {
    chownSync(this.pathOf(uuid), 0, 0);
    chmodSync(this.pathOf(uuid), 0o444);
  }

  record(changes: Changes, layer: LayerRecord): void {
    changes.put(kind, layer);
  }

  /** A larger topmost layer, of a disk that nothing runs on. */
  async grow(uuid: string, capacityBytes: number, signal: AbortSignal): Promise<void> {
    await growImage(this.pathOf(uuid), capacityBytes, signal);
    await this.noteCapacity(uuid, capacityBytes);
  }

  async noteCapacity(uuid: string, capacityBytes: number): Promise<void> {
    await this.#records.change((changes) => {
      const layer = this.find(uuid);
      if (layer !== undefined) changes.put(kind, { ...layer, capacityBytes } as LayerRecord);
    });
  }

  /** Removes what nothing needs any more. */
  async collect(): Promise<void> {
    await this.#lock.run("", async () => {
      const needed = new Set<string>();
      for (const holder of this.#holders())
        for (
          let at: string | undefined = holder;
          at !== undefined && !needed.has(at);
          at = this.find(at)?.parent
        )
          needed.add(at);
      const dead = this.#records.list<LayerRecord>(kind).filter(({ uuid }) => !needed.has(uuid));
      if (dead.length === 0) return;
      await this.#records.change((changes) => {
        for (const { uuid } of dead) changes.remove(kind, uuid);
      });
      for (const { uuid } of dead) rmSync(this.pathOf(uuid), { force: true });
    });
  }
}
