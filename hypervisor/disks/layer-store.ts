import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { Changes, RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import { type Merge, planMerges } from "./plan-merges.ts";
import { createImage, growImage, rebaseImage } from "./qemu-img.ts";

/** A qcow2 file: what a disk has written since, on top of its parent. Only the topmost of a disk is ever written. */
export interface LayerRecord extends StoredRecord {
  readonly parent?: string;
  /** What a guest sees. */
  readonly capacityBytes: number;
}

const kind = "layer";
const extension = ".qcow2";
/** Of files that live no longer than the work that makes them. */
const passing = [".merge", ".transfer"];

/**
 * The files of all disks. A copy of any size is one more layer on the same parent; a layer goes when nothing needs it any more.
 * Files come before their records and go after them: what has no record at the start is removed.
 */
export class LayerStore implements AsyncDisposable {
  readonly folder: string;
  readonly #records: RecordStore;
  readonly #log: Log;
  readonly #holders: () => Iterable<string>;
  readonly #written: () => Iterable<string>;
  readonly #open: () => Iterable<string>;
  readonly #lock = new KeyedLock();
  /** By the work that is adding now. */
  readonly #made: string[] = [];
  readonly #pins = new Set<{ readonly layer: string }>();
  readonly #openings = new Set<Promise<unknown>>();
  readonly #lifetime = new AbortController();
  #merging: Promise<void> | undefined;

  /**
   * @param deps.holders the layers that something needs, those below them left out
   * @param deps.written those of them that are written
   * @param deps.open the topmost ones of those that QEMU has open: it opens files by their names again whenever it likes
   */
  constructor(deps: {
    readonly folder: string;
    readonly records: RecordStore;
    readonly holders: () => Iterable<string>;
    readonly written: () => Iterable<string>;
    readonly open: () => Iterable<string>;
    readonly log: Log;
  }) {
    this.folder = deps.folder;
    this.#records = deps.records;
    this.#holders = deps.holders;
    this.#written = deps.written;
    this.#open = deps.open;
    this.#log = deps.log;
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    for (const file of readdirSync(this.folder)) {
      const uuid = file.endsWith(extension) ? file.slice(0, -extension.length) : undefined;
      const isStray = uuid !== undefined && this.find(uuid) === undefined;
      if (isStray || passing.some((ending) => file.endsWith(ending)))
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

  /** What the layer and those below it take on the host. Bytes. */
  chainBytes(uuid: string): number {
    return this.chainOf(uuid).reduce((sum, layer) => sum + this.allocatedBytes(layer.uuid), 0);
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
    await this.opening(async () => await growImage(this.pathOf(uuid), capacityBytes, signal));
    await this.noteCapacity(uuid, capacityBytes);
  }

  async noteCapacity(uuid: string, capacityBytes: number): Promise<void> {
    await this.#records.change((changes) => {
      const layer = this.find(uuid);
      if (layer !== undefined) changes.put(kind, { ...layer, capacityBytes } as LayerRecord);
    });
  }

  /** A new name for a file that lives no longer than the work that makes it. */
  passingFile(): string {
    return join(this.folder, `${randomUUID()}.transfer`);
  }

  /** Keeps a layer and those below it as they are until it is disposed of: their files are being read. */
  pin(layer: string): Disposable {
    const pin = { layer };
    this.#pins.add(pin);
    return { [Symbol.dispose]: () => void this.#pins.delete(pin) };
  }

  /** Runs work that opens layers by their names: none of those below vanishes until it is done. */
  async opening<T>(work: () => Promise<T>): Promise<T> {
    const opening = work();
    this.#openings.add(opening);
    try {
      return await opening;
    } finally {
      this.#openings.delete(opening);
    }
  }

  /** Removes what nothing needs any more, and shortens long chains in the background. */
  async collect(): Promise<void> {
    await this.#removeDead();
    this.#merging ??= this.#mergeAll()
      .catch((error: unknown) => {
        if (!this.#lifetime.signal.aborted) this.#log.warn("layers cannot be merged", { error });
      })
      .finally(() => (this.#merging = undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort();
    await this.#merging;
  }

  async #mergeAll(): Promise<void> {
    for (let next = this.#plan()[0]; next !== undefined; next = this.#plan()[0]) {
      this.#lifetime.signal.throwIfAborted();
      if (await this.#merge(next)) await this.#removeDead();
    }
  }

  #plan(): readonly Merge[] {
    const held = new Set(this.#holders());
    const asTheyAre = [...this.#open(), ...[...this.#pins].map(({ layer }) => layer)];
    for (const top of asTheyAre) for (const { uuid } of this.chainOf(top)) held.add(uuid);
    return planMerges(this.#records.list<LayerRecord>(kind), held, new Set(this.#written()));
  }

  /**
   * A copy takes the layer's name when it has all. A daemon that dies before the record is changed finds one that needs less than
   * it is said to.
   *
   * @returns false when the layer has become needed otherwise meanwhile
   */
  async #merge(merge: Merge): Promise<boolean> {
    const copy = join(this.folder, `${merge.layer}.merge`);
    const isPlanned = () => this.#plan().some((other) => isSameMerge(other, merge));
    try {
      await copyFile(this.pathOf(merge.layer), copy, constants.COPYFILE_FICLONE);
      chmodSync(copy, 0o600);
      const onto = merge.onto === undefined ? undefined : this.fileOf(merge.onto);
      await rebaseImage(copy, onto, this.#lifetime.signal);
      chmodSync(copy, 0o444);
      return await this.#lock.run("", async () => {
        while (this.#openings.size > 0) await Promise.allSettled(this.#openings);
        const layer = this.find(merge.layer);
        if (layer === undefined || !isPlanned()) return false;
        renameSync(copy, this.pathOf(merge.layer));
        const { parent: _, ...bare } = layer;
        const { onto: parent } = merge;
        await this.#records.change((changes) =>
          changes.put(kind, { ...bare, ...(parent !== undefined && { parent }) } as LayerRecord),
        );
        return true;
      });
    } catch (error) {
      // Whoever has removed it meanwhile has removed the reason, too.
      if (!isPlanned()) return false;
      throw error;
    } finally {
      rmSync(copy, { force: true });
    }
  }

  async #removeDead(): Promise<void> {
    await this.#lock.run("", async () => {
      const needed = new Set<string>();
      const pinned = [...this.#pins].map(({ layer }) => layer);
      for (const holder of [...this.#holders(), ...pinned])
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

function isSameMerge(one: Merge, other: Merge): boolean {
  return one.layer === other.layer && one.onto === other.onto && one.through.length === other.through.length;
}
