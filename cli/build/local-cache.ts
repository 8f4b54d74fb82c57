import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { badOption } from "./options/bad-option.ts";
import type { CacheEntry } from "./options/cache.ts";

interface IndexEntry {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Index {
  readonly schemaVersion: 2;
  readonly manifests: readonly IndexEntry[];
}

const tagKey = "org.opencontainers.image.ref.name";
const nameKey = "io.containerd.image.name";
const usualTag = "latest";

/** What a cache in a folder is asked for by, or undefined when there is none: then there is nothing to use. */
export function withLocalDigest(entry: CacheEntry): CacheEntry | undefined {
  if (entry.type !== "local") return entry;
  const folder = entry.attrs.get("src") ?? "";
  if (folder === "") throw badOption("local cache importer requires src");
  if (entry.attrs.has("digest")) return entry;
  const tag = entry.attrs.get("tag") ?? usualTag;
  const found = readIndex(folder).manifests.find(({ annotations }) => annotations?.[tagKey] === tag);
  return found && { ...entry, attrs: new Map([...entry.attrs, ["digest", found.digest]]) };
}

/** Folders of caches, by the name that the engine has for them. */
export function cacheStores(
  imports: readonly CacheEntry[],
  exports: readonly CacheEntry[],
): ReadonlyMap<string, string> {
  const stores = new Map<string, string>();
  const add = (path: string | undefined) => path !== undefined && stores.set(`local:${path}`, resolve(path));
  for (const { type, attrs } of imports) if (type === "local") add(attrs.get("src"));
  for (const { type, attrs } of exports) {
    if (type !== "local") continue;
    if (!attrs.has("dest")) throw badOption("local cache exporter requires dest");
    add(attrs.get("dest"));
  }
  return stores;
}

/** Writes down what was sent to folders: the last one is what its tag stands for. */
export function writeCacheIndexes(exports: readonly CacheEntry[], manifest: string | undefined): void {
  if (manifest === undefined) return;
  const { mediaType = "", digest, size } = JSON.parse(manifest) as IndexEntry;
  for (const { type, attrs } of exports) {
    if (type !== "local") continue;
    const folder = attrs.get("dest") ?? "";
    const tag = attrs.get("tag") ?? usualTag;
    const others = readIndex(folder).manifests.filter(({ annotations }) => annotations?.[tagKey] !== tag);
    const own = { mediaType, digest, size, annotations: { [tagKey]: tag } };
    writeIndex(folder, [...others, own]);
  }
}

/**
 * Writes down what was sent to a folder with an OCI layout, by its names; what had them before has none any more.
 *
 * @param names with commas in between; empty for none
 */
export function writeLayoutIndex(folder: string, descriptor: string, names: string): void {
  const entry = JSON.parse(Buffer.from(descriptor, "base64").toString("utf8")) as IndexEntry;
  const labels =
    names === ""
      ? [{ [tagKey]: usualTag }]
      : names.split(",").map((name) => ({ [nameKey]: name, [tagKey]: /:([^:/@]+)$/.exec(name)?.[1] ?? "" }));
  const own = labels.map((one) => ({ ...entry, annotations: { ...entry.annotations, ...one } }));
  const key = names === "" ? tagKey : nameKey;
  const taken = new Set<string | undefined>(labels.map((one: Readonly<Record<string, string>>) => one[key]));
  const isTaken = ({ annotations }: IndexEntry) => taken.has(annotations?.[key] ?? "");
  writeIndex(folder, [...readIndex(folder).manifests.filter((one) => !isTaken(one)), ...own]);
}

function writeIndex(folder: string, manifests: readonly IndexEntry[]): void {
  writeWhole(folder, "oci-layout", { imageLayoutVersion: "1.0.0" });
  const mediaType = "application/vnd.oci.image.index.v1+json";
  writeWhole(folder, "index.json", { schemaVersion: 2, mediaType, manifests });
}

function readIndex(folder: string): Index {
  const path = join(folder, "index.json");
  if (!existsSync(path)) return { schemaVersion: 2, manifests: [] };
  return JSON.parse(readFileSync(path, "utf8")) as Index;
}

function writeWhole(folder: string, name: string, value: object): void {
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.${name}.${process.pid}`);
  writeFileSync(temporary, JSON.stringify(value));
  renameSync(temporary, join(folder, name));
}
