import { chmod, chown, mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { Database } from "#host/sqlite/database.ts";
import { findXattr } from "#host/sys.ts";
import type { Digest } from "#oci/digest.ts";
import { beforehand } from "./beforehand.ts";
import { bytesIn, removeTree } from "./folders.ts";
import { emptyFolder, maxDepth } from "./overlay-mount.ts";
import { ResidentWorkers } from "./resident-workers.ts";
import { type FinishedLayer, lowerWanted, type UnpackResult } from "./rooted/jobs.ts";
import { SharedSync } from "./shared-sync.ts";
import { Slots } from "#base/slots.ts";
import { type SnapshotRow, SnapshotTable } from "./snapshot-table.ts";
import type { EarlyLayer, FinishedSnapshot, LayerSource, OverlayMount, Snapshotter } from "./snapshotter.ts";

/** More would only wait for the disk and for each other. */
const unpacksAtOnce = 2;
/** Of layers that are not ready, which may wait for long: they take nobody else's place. */
const earlyAtOnce = 2;
/** A disk that takes longer to write what it was given is none. */
const syncMaxMs = 600_000;

/**
 * Snapshots as overlayfs layers.
 *
 * A snapshot comes to be as: folder, content, all of it on disk, then the row; it goes as: row, then folder. So a folder without
 * a row is always rubbish, and a row always has its folder. Of a new container's empty folder the row's own commit takes care:
 * both are in one file system, whose journal keeps the order.
 *
 * @see docs/formats/snapshots.md
 */
export class OverlaySnapshotter implements Snapshotter, Disposable {
  readonly root: string;
  readonly #table: SnapshotTable;
  readonly #log: Log;
  readonly #locks = new KeyedLock();
  readonly #unpacks = new Slots(unpacksAtOnce);
  readonly #early = new Slots(earlyAtOnce);
  readonly #residents = new ResidentWorkers();
  readonly #sync = new SharedSync(() =>
    this.#residents.run({ do: "sync", folder: this.root }, AbortSignal.timeout(syncMaxMs)),
  );
  /** Parents of what is being made, by how many: not to be removed. */
  readonly #wanted = new Map<string, number>();
  /** Layers whose root is marked opaque: overlayfs does not look at that mark, so what is below is left out of the mount. */
  readonly #coversAll = new Map<string, boolean>();

  /** `root` is `<root>/snapshots`. Call {@link reconcile} before anything else. */
  constructor(deps: { readonly root: string; readonly db: Database; readonly log: Log }) {
    this.root = deps.root;
    this.#table = new SnapshotTable(deps.db);
    this.#log = deps.log.with({ area: "snapshots" });
  }

  hasLayer(chainId: Digest): boolean {
    return this.#table.find(chainId)?.kind === "layer";
  }

  async unpack(
    chainId: Digest,
    parent: Digest | undefined,
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#locks.run(chainId, async () => {
      signal.throwIfAborted();
      if (source.isVolatile !== true) await this.#settle([chainId, parent]);
      if (this.hasLayer(chainId)) return;
      const { early } = source;
      await this.#wanting(parent, async () => {
        if (early !== undefined && (await this.#unpackEarly(chainId, parent, source, early, signal))) return;
        this.#checkThere(parent);
        await this.#unpackOne(chainId, parent, source, signal);
      });
    });
  }

  async verify(chainId: Digest, source: LayerSource, signal: AbortSignal): Promise<readonly string[]> {
    const row = this.#get(chainId);
    const parent = this.#parentOf(row);
    const below = parent === undefined ? [] : this.#chain(parent);
    return await this.#unpacks.run(async () => {
      const id = this.#table.takeId();
      await using _ = await this.#makeFolder(id);
      await this.#unpackInto(id, source, below, signal);
      const folder = (name: number) => join(this.root, String(name), "fs");
      const { compareTrees } = await import("./compare-trees.ts");
      return await compareTrees(folder(id), folder(row.id), signal);
    }, signal);
  }

  async prepare(containerId: string, parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    await this.#locks.run(containerId, async () => {
      signal.throwIfAborted();
      if (this.#table.find(containerId) !== undefined)
        throw new Fault("already-exists", `snapshot ${containerId} exists already`);
      await this.#wanting(parent, async () => {
        this.#checkThere(parent);
        const id = this.#table.takeId();
        await using undo = await this.#makeFolder(id);
        if (parent !== undefined) await this.#copyRoot(id, parent);
        await this.#insert({
          id,
          key: containerId,
          kind: "container",
          ...(parent === undefined ? {} : { parent }),
        });
        undo.move();
      });
    });
  }

  async finish(
    containerId: string,
    archive: string,
    placeholders: readonly string[],
    signal: AbortSignal,
  ): Promise<FinishedSnapshot> {
    const mount = this.mountOf(containerId);
    return await this.#unpacks.run(
      () =>
        this.#residents.run<FinishedLayer>(
          { do: "finish", snapshots: this.root, mount, placeholders, archive },
          signal,
        ),
      signal,
    );
  }

  async turn(containerId: string, chainId: Digest, { bytes }: FinishedSnapshot): Promise<void> {
    await this.#locks.run(chainId, async () => {
      if (this.hasLayer(chainId)) return await this.remove(containerId);
      const row = this.#get(containerId);
      const { parent } = row;
      if (this.#chain(this.#parentOf(row)).length >= maxDepth)
        throw new Fault("invalid", "max depth exceeded");
      await removeTree(join(this.root, String(row.id), "work"));
      const layer = {
        key: chainId,
        kind: "layer",
        bytes,
        ...(parent === undefined ? {} : { parent }),
      } as const;
      await this.#table.turn(row, layer);
    });
  }

  async copyOut(chainId: Digest, path: string, archive: string, signal: AbortSignal): Promise<void> {
    const mount = this.mountOf(chainId);
    await this.#unpacks.run(
      () => this.#residents.run({ do: "copy", snapshots: this.root, mount, path, archive }, signal),
      signal,
    );
  }

  async settle(): Promise<void> {
    const rows = this.#table.volatile();
    if (rows.length === 0) return;
    await this.#sync.run();
    await this.#table.settle(rows);
  }

  [Symbol.dispose](): void {
    this.#residents[Symbol.dispose]();
  }

  mountOf(key: string): OverlayMount {
    const row = this.#get(key);
    const first = row.kind === "layer" ? row : this.#parentOf(row);
    const lower = this.#chain(first).map(({ id }) => `${id}/fs`);
    if (row.kind === "container")
      return {
        lower: lower.length > 0 ? lower : [emptyFolder],
        upper: `${row.id}/fs`,
        work: `${row.id}/work`,
      };
    return { lower: lower.length > 1 ? lower : [...lower, emptyFolder] };
  }

  async usage(key: string): Promise<number> {
    const row = this.#get(key);
    return row.bytes ?? (await bytesIn(join(this.root, String(row.id), "fs")));
  }

  async remove(key: string): Promise<void> {
    await this.#locks.run(key, async () => {
      const row = this.#get(key);
      if (this.#table.hasChildren(key) || this.#wanted.has(key))
        throw new Fault("conflict", `snapshot ${key} is in use by another one`);
      await this.#table.delete(row);
      this.#coversAll.delete(key);
      await removeTree(join(this.root, String(row.id)));
    });
  }

  list(): readonly {
    readonly key: string;
    readonly kind: "layer" | "container";
    readonly parent?: string;
  }[] {
    return [...this.#table.all()]
      .filter(({ key, kind }) => kind === "container" || !this.#table.hasChildren(key))
      .map(({ key, kind, parent }) => ({ key, kind, ...(parent === undefined ? {} : { parent }) }));
  }

  async reconcile(): Promise<void> {
    await mkdir(join(this.root, emptyFolder), { recursive: true, mode: 0o755 });
    await chmod(this.root, 0o700);
    const rows = new Map([...this.#table.all()].map((row) => [String(row.id), row]));
    const folders = new Set(await readdir(this.root));
    folders.delete(emptyFolder);
    for (const name of folders) {
      if (rows.has(name)) continue;
      this.#log.warn("folder without a snapshot removed", { folder: name });
      await removeTree(join(this.root, name));
    }
    for (const [name, row] of rows) {
      if (folders.has(name)) continue;
      this.#log.error("snapshot without a folder removed", { key: row.key, folder: name });
      await this.#table.delete(row);
    }
  }

  async #unpackOne(
    chainId: Digest,
    parent: Digest | undefined,
    source: LayerSource,
    signal: AbortSignal,
  ): Promise<void> {
    const below = this.#below(parent);
    const id = this.#table.takeId();
    await using undo = await this.#makeFolder(id);
    const { bytes } = await this.#unpacks.run(() => this.#unpackInto(id, source, below, signal), signal);
    if (source.isVolatile !== true) await this.#sync.run();
    await this.#commit(id, chainId, parent, bytes, source.isVolatile === true);
    undo.move();
  }

  /** False when it is to be unpacked in the ordinary way, now that everything is there. */
  async #unpackEarly(
    chainId: Digest,
    parent: Digest | undefined,
    source: LayerSource,
    early: EarlyLayer,
    signal: AbortSignal,
  ): Promise<boolean> {
    await using undo = new AsyncDisposableStack();
    const { arrival } = early;
    const answer = async (head: unknown) => {
      if (head !== lowerWanted) throw new Fault("internal", "a worker asks for what nobody knows");
      await early.parentReady;
      return this.#below(parent).map(({ id }) => `${id}/fs`);
    };
    const work = async (either: AbortSignal) => {
      const id = this.#table.takeId();
      undo.use(await this.#makeFolder(id));
      const job = {
        do: "unpack",
        snapshots: this.root,
        folder: String(id),
        lower: [],
        lacksLower: parent !== undefined,
        blob: source.paths,
        diffId: source.diffId,
      } as const;
      const arriving = arrival && { path: await arrival.begun, arrival };
      return {
        id,
        ...(await this.#residents.run<UnpackResult>(job, either, { answer, ...(arriving && { arriving }) })),
      };
    };
    const made = await beforehand(this.#early, early, work, signal);
    if (made === undefined) return false;
    await Promise.all([early.ready, this.#sync.run()]);
    await this.#commit(made.id, chainId, parent, made.bytes, false);
    undo.move();
    return true;
  }

  /** What a layer on top of `parent` stands on, top first. @throws {Fault} `not-found`; `invalid` when it is too much */
  #below(parent: Digest | undefined): readonly SnapshotRow[] {
    const below = parent === undefined ? [] : this.#chain(this.#get(parent));
    if (below.length >= maxDepth) throw new Fault("invalid", "max depth exceeded");
    return below;
  }

  #checkThere(parent: Digest | undefined): void {
    if (parent !== undefined && !this.hasLayer(parent))
      throw new Fault("not-found", `snapshot ${parent} not found`);
  }

  async #commit(
    id: number,
    chainId: Digest,
    parent: Digest | undefined,
    bytes: number,
    isVolatile: boolean,
  ): Promise<void> {
    if (!isVolatile) await this.#settle([parent]);
    this.#below(parent);
    await rmdir(join(this.root, String(id), "work"));
    const row = {
      id,
      key: chainId,
      kind: "layer",
      bytes,
      ...(parent === undefined ? {} : { parent }),
    } as const;
    if (isVolatile) this.#table.insertVolatile(row);
    else await this.#insert(row);
  }

  async #settle(keys: readonly (string | undefined)[]): Promise<void> {
    if (keys.some((key) => key !== undefined && this.#table.isVolatile(key))) await this.settle();
  }

  #unpackInto(
    id: number,
    { paths: blob, diffId }: LayerSource,
    below: readonly SnapshotRow[],
    signal: AbortSignal,
  ): Promise<UnpackResult> {
    const lower = below.map((layer) => `${layer.id}/fs`);
    const job = { snapshots: this.root, folder: String(id), lower, blob, diffId };
    return this.#residents.run({ do: "unpack", ...job }, signal);
  }

  /** Of a full disk the caller hears by its name, and what was begun goes again when the stack is not moved away. */
  async #makeFolder(id: number): Promise<AsyncDisposableStack> {
    const folder = join(this.root, String(id));
    const undo = new AsyncDisposableStack();
    undo.defer(() => removeTree(folder));
    try {
      await mkdir(folder, { mode: 0o700 });
      await mkdir(join(folder, "fs"), { mode: 0o755 });
      await mkdir(join(folder, "work"), { mode: 0o700 });
      await chmod(join(folder, "fs"), 0o755);
    } catch (error) {
      await undo.disposeAsync();
      throw faultOfDisk(error);
    }
    return undo;
  }

  /** The mounted root has the attributes of the uppermost folder. */
  async #copyRoot(id: number, parent: Digest): Promise<void> {
    const { mode, uid, gid } = await stat(join(this.root, String(this.#get(parent).id), "fs"));
    const folder = join(this.root, String(id), "fs");
    if (uid !== 0 || gid !== 0) await chown(folder, uid, gid);
    if ((mode & 0o7777) !== 0o755) await chmod(folder, mode & 0o7777);
  }

  async #insert(row: SnapshotRow): Promise<void> {
    try {
      await this.#table.insert(row);
    } catch (error) {
      throw faultOfDisk(error);
    }
  }

  async #wanting<T>(parent: Digest | undefined, work: () => Promise<T>): Promise<T> {
    if (parent === undefined) return await work();
    this.#wanted.set(parent, (this.#wanted.get(parent) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#wanted.get(parent) ?? 1) - 1;
      if (left === 0) this.#wanted.delete(parent);
      else this.#wanted.set(parent, left);
    }
  }

  /** A layer and those below it, down to one that covers all the rest. */
  #chain(first: SnapshotRow | undefined): readonly SnapshotRow[] {
    const chain: SnapshotRow[] = [];
    for (let row = first; row !== undefined; row = this.#coversRest(row) ? undefined : this.#parentOf(row))
      chain.push(row);
    return chain;
  }

  #coversRest(row: SnapshotRow): boolean {
    let covers = this.#coversAll.get(row.key);
    if (covers === undefined) {
      const mark = findXattr(join(this.root, String(row.id), "fs"), "trusted.overlay.opaque");
      covers = mark?.toString() === "y";
      this.#coversAll.set(row.key, covers);
    }
    return covers;
  }

  #parentOf(row: SnapshotRow): SnapshotRow | undefined {
    return row.parent === undefined ? undefined : this.#get(row.parent);
  }

  #get(key: string): SnapshotRow {
    const row = this.#table.find(key);
    if (row === undefined) throw new Fault("not-found", `snapshot ${key} not found`);
    return row;
  }
}

function faultOfDisk(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const isFull = code === "ENOSPC" || code === "EDQUOT" || messageOf(error).includes("disk is full");
  return isFull ? new Fault("exhausted", "no space left on device", { cause: error }) : error;
}
