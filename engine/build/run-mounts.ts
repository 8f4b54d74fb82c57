import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, rename, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { KeyedLock } from "#base/keyed-lock.ts";
import { removeTree } from "#engine/snapshots/folders.ts";
import { extractInto, packPath } from "#engine/snapshots/rooted.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { BuildContext } from "./build-deps.ts";
import type { CopyFrom } from "./copy-step.ts";
import type { FrontEnd } from "./front-end.ts";
import { type ClientMount, clientMount } from "./client-mounts.ts";
import { resolvedMount, type StepMount } from "./step-mount.ts";
import { digestOfEntries } from "./files/digest.ts";
import { layerArchive } from "./files/layer-archive.ts";
import { type LayerEntry, planCopy } from "./files/layer-plan.ts";
import { selectNodes } from "./files/select.ts";
import { layerFolders } from "./sources.ts";

/** What of a mount the step's result depends on: of a cache nothing. */
export function mountInputs({ mount, destination, from }: StepMount): unknown {
  const { type, source, id, env, isReadOnly } = mount;
  const base = { type, destination, source, id, env, isReadOnly };
  if (type !== "bind" || from === undefined) return base;
  if (from.kind === "layers") return { ...base, chain: from.state.layers.at(-1)?.chainId };
  return { ...base, content: digestOfEntries(contextEntries(from.root, source ?? "/")) };
}

function beginningOf({ mount }: StepMount, from: CopyFrom): unknown {
  const source = mount.source ?? "/";
  if (from.kind === "layers") return [source, from.state.layers.at(-1)?.chainId];
  return [source, digestOfEntries(contextEntries(from.root, source))];
}

function contextEntries(
  root: Extract<CopyFrom, { kind: "context" }>["root"],
  source: string,
): readonly LayerEntry[] {
  return planCopy(
    {
      keyword: "COPY",
      sources: selectNodes(root, source),
      destination: "/",
      isFolder: true,
      owner: { uid: 0, gid: 0 },
      exclude: [],
      parents: false,
      mtime: { seconds: 0, nanoseconds: 0 },
    },
    (path) => (path === "/" ? "folder" : undefined),
  );
}

/** Makes mounts ready for steps and takes them away again. */
export class RunMounts {
  readonly #context: BuildContext;
  readonly #locks: KeyedLock;
  readonly #inUse: Map<string, number>;
  readonly #frontEnd: FrontEnd | undefined;

  /**
   * @param shared locks and counts of all builds
   * @param frontEnd has secrets and agents
   */
  constructor(
    context: BuildContext,
    shared: { readonly locks: KeyedLock; readonly inUse: Map<string, number> },
    frontEnd?: FrontEnd,
  ) {
    this.#context = context;
    this.#locks = shared.locks;
    this.#inUse = shared.inUse;
    this.#frontEnd = frontEnd;
  }

  /**
   * Runs `work` with the mounts ready; what was made for it alone is gone afterwards.
   *
   * @throws {Fault} `invalid` for a source that is not there, or a secret or ssh agent that the client did not give
   */
  async with<T>(
    mounts: readonly StepMount[],
    signal: AbortSignal,
    work: (resolved: readonly ResolvedMount[], env: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const locked = mounts.filter(({ mount }) => mount.type === "cache" && mount.sharing === "locked");
    const names = [...new Set(locked.map((mount) => this.#cacheName(mount)))].sort();
    const run = async (): Promise<T> => {
      signal.throwIfAborted();
      await using undo = new AsyncDisposableStack();
      const resolved: ClientMount[] = [];
      for (const mount of mounts) resolved.push(await this.#resolve(mount, undo, signal));
      return await work(
        resolved.flatMap((each) => each.mounts),
        resolved.flatMap((each) => each.env ?? []),
      );
    };
    return await names.reduceRight<() => Promise<T>>(
      (inner, name) => () => this.#locks.run(name, inner),
      run,
    )();
  }

  async #resolve(step: StepMount, undo: AsyncDisposableStack, signal: AbortSignal): Promise<ClientMount> {
    const { mount, destination } = step;
    switch (mount.type) {
      case "tmpfs": {
        const size = mount.size === undefined ? [] : [`size=${mount.size}`];
        return { mounts: [resolvedMount("tmpfs", "tmpfs", destination, ["nosuid", "nodev", ...size])] };
      }
      case "cache":
        return { mounts: [await this.#cache(step, undo, signal)] };
      case "bind":
        return { mounts: [await this.#bind(step, undo, signal)] };
      case "secret":
      case "ssh":
        return await clientMount(this.#frontEnd, this.#context.paths, step, undo, signal);
      default:
        return mount.type satisfies never;
    }
  }

  /** A cache that begins with something is another one when it begins with something else. */
  #cacheName(step: StepMount): string {
    const { mount, destination, from } = step;
    const hash = createHash("sha256").update(mount.id ?? destination);
    if (from !== undefined) hash.update(`\0${JSON.stringify(beginningOf(step, from))}`);
    return hash.digest("hex").slice(0, 32);
  }

  async #cache(step: StepMount, undo: AsyncDisposableStack, signal: AbortSignal): Promise<ResolvedMount> {
    const { mount, destination } = step;
    const base = this.#cacheName(step);
    const isPrivate = mount.sharing === "private";
    const name = isPrivate && (this.#inUse.get(base) ?? 0) > 0 ? `${base}-${randomUUID()}` : base;
    this.#inUse.set(name, (this.#inUse.get(name) ?? 0) + 1);
    undo.defer(() => {
      const left = (this.#inUse.get(name) ?? 1) - 1;
      if (left > 0) this.#inUse.set(name, left);
      else this.#inUse.delete(name);
    });
    const folder = join(this.#context.folder, "cache", name);
    await this.#locks.run(`new ${name}`, () => this.#beginCache(folder, step, signal));
    return resolvedMount("bind", join(folder, "data"), destination, [
      "rbind",
      mount.isReadOnly ? "ro" : "rw",
      "nosuid",
      "nodev",
    ]);
  }

  /** Whole or not at all: what an engine that was killed has begun lies in the folder that is emptied at the start. */
  async #beginCache(folder: string, { mount, from }: StepMount, signal: AbortSignal): Promise<void> {
    if (existsSync(join(folder, "data"))) return;
    await using undo = new AsyncDisposableStack();
    const data = join(await this.#room(undo), "data");
    await mkdir(data, { mode: 0o755 });
    if (from !== undefined) await this.#fill(data, from, mount.source ?? "/", signal);
    if (from === undefined || mount.mode !== undefined) await chmod(data, mount.mode ?? 0o755);
    if (from === undefined || mount.uid !== undefined || mount.gid !== undefined)
      await chown(data, mount.uid ?? 0, mount.gid ?? 0);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rename(data, join(folder, "data"));
  }

  async #fill(folder: string, from: CopyFrom, source: string, signal: AbortSignal): Promise<void> {
    const extract = (archive: Readable) =>
      extractInto({ kind: "folder", path: folder }, "/", archive, { noOverwriteDirNonDir: false }, signal);
    if (from.kind === "context") {
      const entries = layerArchive(contextEntries(from.root, source));
      return await extract(Readable.from(entries, { objectMode: false }));
    }
    const { snapshots } = this.#context;
    const { kind, path, places } = this.#inLayers(from, source);
    if (kind !== "folder") throw new Fault("invalid", `invalid cache mount: ${source} is no folder`);
    const mount = snapshots.mountOf(from.state.layers.at(-1)?.chainId ?? "");
    const root = { kind: "overlay", snapshots: snapshots.root, mount, binds: [] } as const;
    await extract((await packPath(root, `${path === "/" ? "" : path}/.`, signal)).tar);
    const { mode, uid, gid } = await stat(places[0] ?? "");
    await chown(folder, uid, gid);
    await chmod(folder, mode & 0o7777);
  }

  async #bind(step: StepMount, undo: AsyncDisposableStack, signal: AbortSignal): Promise<ResolvedMount> {
    const { mount, destination, from } = step;
    const source = mount.source ?? "/";
    const isReadOnly = mount.isReadOnly !== false;
    if (from === undefined) throw new Fault("internal", "a bind mount without a source");
    const lower =
      from.kind === "layers"
        ? this.#inLayers(from, source)
        : { kind: "folder" as const, places: [await this.#unpackContext(from, source, undo, signal)] };
    const [first = ""] = lower.places;
    if (lower.kind !== "folder" || (isReadOnly && lower.places.length === 1))
      return resolvedMount("bind", first, destination, ["bind", "ro", "nosuid", "nodev"]);
    const empty = join(this.#context.snapshots.root, "empty");
    const stack = lower.places.length > 1 ? lower.places : [...lower.places, empty];
    const options = [`lowerdir=${stack.join(":")}`, "redirect_dir=off", "metacopy=off", "index=off"];
    if (isReadOnly) return resolvedMount("overlay", "overlay", destination, [...options, "ro"]);
    const room = await this.#room(undo);
    for (const name of ["upper", "work"]) await mkdir(join(room, name), { mode: 0o755 });
    return resolvedMount("overlay", "overlay", destination, [
      ...options,
      `upperdir=${join(room, "upper")}`,
      `workdir=${join(room, "work")}`,
    ]);
  }

  #inLayers(from: Extract<CopyFrom, { kind: "layers" }>, source: string) {
    const folders = layerFolders(this.#context, from.state.layers.at(-1)?.chainId);
    const found = folders.length === 0 ? undefined : this.#context.files.locate(source, folders);
    if (found === undefined) throw new Fault("invalid", `failed to compute cache key: ${source}: not found`);
    if (found.kind === "other") throw new Fault("invalid", `${source} is neither a file nor a folder`);
    return found;
  }

  /** A place of the build's own on disk, or a single file in it. */
  async #unpackContext(
    { root }: Extract<CopyFrom, { kind: "context" }>,
    source: string,
    undo: AsyncDisposableStack,
    signal: AbortSignal,
  ): Promise<string> {
    const room = await this.#room(undo);
    const [selected] = selectNodes(root, source);
    const archive = Readable.from(layerArchive(contextEntries(root, source)), { objectMode: false });
    await extractInto({ kind: "folder", path: room }, "/", archive, { noOverwriteDirNonDir: false }, signal);
    return selected?.node.kind === "folder" ? room : join(room, posix.basename(selected?.name ?? ""));
  }

  async #room(undo: AsyncDisposableStack): Promise<string> {
    const room = join(this.#context.folder, "tmp", randomUUID());
    undo.defer(() => removeTree(room));
    await mkdir(room, { recursive: true, mode: 0o755 });
    return room;
  }
}
