import { rm } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "#engine/snapshots/folders.ts";
import type { BuildDeps } from "./build-deps.ts";
import type { Builder } from "./builder.ts";
import { clientFolder } from "./client-mounts.ts";
import type { CacheRecord, CacheUse } from "./cache-store.ts";
import { KeptContexts, type KeptSummary } from "./files/kept-contexts.ts";

/** The result of a step, or the files of a client's folder. */
export type CacheEntry = Omit<CacheRecord, "kind"> &
  CacheUse & { readonly kind: CacheRecord["kind"] | "context"; readonly isInUse: boolean };

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
  /** Files of clients' folders that builds have been sent. */
  readonly contexts: KeptContexts;
  readonly #deps: BuildDeps;
  readonly #layersInUse: () => ReadonlySet<string>;
  #builder: Promise<Builder> | undefined;

  /** @param layersInUse chain IDs of the layers that images have */
  constructor(deps: BuildDeps, layersInUse: () => ReadonlySet<string>) {
    this.#deps = deps;
    this.#layersInUse = layersInUse;
    const nowMs = () => Number(deps.now() / 1_000_000n);
    this.contexts = new KeptContexts(join(deps.paths.root, "build", "contexts"), nowMs);
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
    const results = this.#deps.cache.list().map((entry) => ({
      ...entry,
      isInUse: entry.layer !== undefined && inUse.has(entry.layer.chainId),
    }));
    const contexts = this.contexts.list().map(entryOf);
    if (contexts.length === 0) return results;
    return [...results, ...contexts].sort((left, right) => left.usedAt - right.usedAt);
  }

  async prune(
    matches: (entry: CacheEntry) => boolean,
    { all }: { readonly all: boolean },
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
    const entries = this.cache().filter(matches);
    const [contexts, results] = [entries.filter(isContext), entries.filter((entry) => !isContext(entry))];
    for (const { key } of contexts) await this.contexts.remove(key);
    await this.#deps.cache.remove(results.map(({ key }) => key));
    if (all) await this.#removeCacheMounts();
    const bytes = contexts.reduce((sum, context) => sum + context.bytes, 0);
    return { removed: entries.map(({ key }) => key), bytes: bytes + (await this.#deps.workshop.collect()) };
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

function isContext({ kind }: CacheEntry): boolean {
  return kind === "context";
}

function entryOf({ key, name, created, bytes, usedAt }: KeptSummary): CacheEntry {
  const description = `local source for ${name}`;
  return {
    key,
    kind: "context",
    description,
    created,
    createdBy: "",
    bytes,
    usedAt,
    uses: 1,
    isInUse: false,
  };
}
