import { rm } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "#engine/snapshots/folders.ts";
import type { BuildDeps } from "./build-deps.ts";
import type { Builder } from "./builder.ts";
import { clientFolder } from "./client-mounts.ts";
import type { CacheRecord, CacheUse } from "./cache-store.ts";

export type CacheEntry = CacheRecord & CacheUse & { readonly isInUse: boolean };

/** The engine's builder as the API sees it. */
export interface Builds {
  /** Made when it is first asked for: most engines never build. */
  builder(): Promise<Builder>;
  /** Results of steps, the ones unused the longest first. */
  cache(): readonly CacheEntry[];
  /** Forgets results, and the folders of cache mounts with `all`; returns their keys and the bytes that came back. */
  prune(
    matches: (entry: CacheEntry) => boolean,
    options: { readonly all: boolean },
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }>;
}

export class BuildService implements Builds {
  readonly #deps: BuildDeps;
  readonly #layersInUse: () => ReadonlySet<string>;
  #builder: Promise<Builder> | undefined;

  /** @param layersInUse chain IDs of the layers that images have */
  constructor(deps: BuildDeps, layersInUse: () => ReadonlySet<string>) {
    this.#deps = deps;
    this.#layersInUse = layersInUse;
  }

  /** What a build that was killed has left. Before anything else. */
  async reconcile(): Promise<void> {
    await removeTree(join(this.#deps.paths.root, "build", "tmp"));
    await rm(clientFolder(this.#deps.paths.run), { recursive: true, force: true });
  }

  builder(): Promise<Builder> {
    this.#builder ??= import("./builder.ts").then((module) => new module.Builder(this.#deps));
    return this.#builder;
  }

  cache(): readonly CacheEntry[] {
    const inUse = this.#layersInUse();
    return this.#deps.cache.list().map((entry) => ({
      ...entry,
      isInUse: entry.layer !== undefined && inUse.has(entry.layer.chainId),
    }));
  }

  async prune(
    matches: (entry: CacheEntry) => boolean,
    { all }: { readonly all: boolean },
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
    const removed = this.cache()
      .filter(matches)
      .map(({ key }) => key);
    await this.#deps.cache.remove(removed);
    if (all) await this.#removeCacheMounts();
    return { removed, bytes: await this.#deps.workshop.collect() };
  }

  async #removeCacheMounts(): Promise<void> {
    const folder = join(this.#deps.paths.root, "build", "cache");
    let names: readonly string[];
    try {
      names = readdirSync(folder);
    } catch {
      return; // there never was one
    }
    for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
  }
}
