import type { PathStat } from "#api/docker/path-stat.ts";
import type { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { placeholders } from "#engine/runtime/placeholders.ts";
import { changesOf, exportTree, extractInto, packPath, statPath } from "#engine/snapshots/rooted.ts";
import type { RootSpec } from "#engine/snapshots/rooted/jobs.ts";
import type { ContainerContext } from "./context.ts";
import { type ContainerRecord, isAlive } from "./record.ts";

const statTimeoutMs = 60_000;

/** A container's files from outside: through its first process while it runs, through a mount of the worker's own otherwise. */
export class ContainerFiles {
  readonly #context: Pick<ContainerContext, "registry" | "snapshots" | "launcher" | "lock">;

  constructor(context: Pick<ContainerContext, "registry" | "snapshots" | "launcher" | "lock">) {
    this.#context = context;
  }

  async stat(ref: string, path: string): Promise<PathStat> {
    const record = this.#context.registry.get(ref);
    return named(ref, path, () =>
      statPath(this.#root(record), absolute(path), AbortSignal.timeout(statTimeoutMs)),
    );
  }

  async read(
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }> {
    const record = this.#context.registry.get(ref);
    return named(ref, path, () => packPath(this.#root(record), absolute(path), signal));
  }

  async write(
    ref: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir: boolean; readonly copyUidGid: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { registry, lock } = this.#context;
    const { id } = registry.get(ref);
    const extract = async () => {
      const record = registry.get(id);
      if (record.hostConfig.ReadonlyRootfs)
        throw new Fault("forbidden", "container rootfs is marked read-only");
      const owner = options.copyUidGid ? { owner: await this.#userOf(record) } : {};
      await named(ref, path, () =>
        extractInto(
          this.#root(record),
          absolute(path),
          tar,
          { noOverwriteDirNonDir: options.noOverwriteDirNonDir, ...owner },
          signal,
        ),
      );
    };
    // Two mounts of one writable folder do not go together: no start while a stopped container is written to.
    if (isAlive(registry.get(id).state)) await extract();
    else await lock.run(id, extract);
  }

  async export(ref: string, signal: AbortSignal): Promise<Readable> {
    return exportTree(this.#root(this.#context.registry.get(ref)), signal);
  }

  async changes(ref: string): Promise<readonly { readonly Path: string; readonly Kind: 0 | 1 | 2 }[]> {
    const { snapshots, registry } = this.#context;
    const { id } = registry.get(ref);
    return changesOf(snapshots.root, snapshots.mountOf(id), placeholders, AbortSignal.timeout(statTimeoutMs));
  }

  async #userOf({
    id,
    config,
    hostConfig,
  }: ContainerRecord): Promise<{ readonly uid: number; readonly gid: number }> {
    const { uid, gid } = await this.#context.launcher.userOf(id, config.User, hostConfig);
    return { uid, gid };
  }

  #root(record: ContainerRecord): RootSpec {
    const { pid, pidStartTime } = record.state;
    const ids = record.idRange === undefined ? {} : { ids: record.idRange };
    if (isAlive(record.state)) return { kind: "process", pid, startTime: pidStartTime, ...ids };
    const { snapshots } = this.#context;
    const binds = record.mounts
      .filter((mount) => mount.type === "bind")
      .map(({ source, destination, point }) => ({ source, destination, isReadOnly: !point.RW }));
    return { kind: "overlay", snapshots: snapshots.root, mount: snapshots.mountOf(record.id), binds };
  }
}

function absolute(path: string): string {
  if (path === "") throw new Fault("invalid", "bad parameter: path cannot be empty");
  return path.startsWith("/") ? path : `/${path}`;
}

/** The text for a missing path that clients know. */
async function named<T>(ref: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Fault && error.kind === "not-found")
      throw new Fault("not-found", `Could not find the file ${path} in container ${ref}`, {
        cause: error,
      });
    throw error;
  }
}
