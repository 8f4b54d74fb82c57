import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { findXattr, openAt, RESOLVE } from "#host/sys.ts";

const FILE_MAX = 1024 * 1024;
const LINKS_MAX = 40;
const CACHE_MAX = 4096;

type Entry =
  | { readonly kind: "absent" | "whiteout" | "other" | "file" }
  | { readonly kind: "folder"; readonly isOpaque: boolean }
  | { readonly kind: "link"; readonly target: string };

/** A path in the merged view, and the layers of which it consists: several for a folder, one for anything else. */
interface Place {
  readonly path: string;
  readonly layers: readonly string[];
}

/**
 * Reads files out of a stack of layer folders as an overlay of them would show them, without mounting it and without trusting
 * any of it: links stay inside, and only regular files of at most 1 MiB are read. The first folder may change at any time, unless
 * it is said not to; what is found in the others is kept, as committed layers never change and their folders are never used twice.
 */
export class LayeredFiles {
  readonly #firstChanges: boolean;
  readonly #entries = new Map<string, Entry>();
  readonly #texts = new Map<string, string>();

  /** @param options whether what the first folder holds may be kept too, as it is a committed layer */
  constructor({ firstChanges = true }: { readonly firstChanges?: boolean } = {}) {
    this.#firstChanges = firstChanges;
  }

  /**
   * The file's text, or undefined when there is no such file. `layers` are absolute, top first.
   *
   * @throws {Fault} `invalid` when it is no regular file, or too large
   */
  find(path: string, layers: readonly string[]): string | undefined {
    const place = this.#resolve(path, layers);
    const [layer] = place?.layers ?? [];
    if (place === undefined || layer === undefined) return undefined;
    if (this.#entry(layer, place.path, layers).kind !== "file") {
      throw new Fault("invalid", `/${path} is not a regular file`);
    }
    const isKept = this.#isKept(layer, layers);
    const key = join(layer, place.path);
    const known = isKept ? this.#texts.get(key) : undefined;
    if (known !== undefined) return known;
    const text = readInside(layer, place.path, path);
    if (isKept && text !== undefined) keep(this.#texts, key, text, CACHE_MAX / 16);
    return text;
  }

  /**
   * What is at the path, links followed; undefined when there is nothing. Of a folder, all the host's folders that the merged
   * one consists of, topmost first; of anything else, its one place on the host.
   *
   * @throws {Fault} `invalid` for too many links
   */
  locate(
    path: string,
    layers: readonly string[],
  ):
    | {
        readonly kind: "folder" | "file" | "other";
        readonly path: string;
        readonly places: readonly string[];
      }
    | undefined {
    const place = this.#resolve(path, layers);
    const [layer] = place?.layers ?? [];
    if (place === undefined || layer === undefined) return undefined;
    const { kind } = this.#entry(layer, place.path, layers);
    return {
      kind: kind === "folder" || kind === "file" ? kind : "other",
      path: join("/", place.path),
      places: place.layers.map((folder) => join(folder, place.path)),
    };
  }

  #resolve(path: string, layers: readonly string[]): Place | undefined {
    const root: Place = { path: "", layers };
    let stack: readonly Place[] = [root];
    const pending = partsOf(path).toReversed();
    let links = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === "..") {
        stack = stack.length > 1 ? stack.slice(0, -1) : stack;
        continue;
      }
      const found = this.#child(stack.at(-1) ?? root, part, layers);
      if (found === undefined) return undefined;
      if (!("target" in found)) {
        stack = [...stack, found];
        continue;
      }
      links += 1;
      if (links > LINKS_MAX) throw new Fault("invalid", `/${path}: too many levels of symbolic links`);
      if (found.target.startsWith("/")) stack = [root];
      pending.push(...partsOf(found.target).toReversed());
    }
    return stack.at(-1);
  }

  /** One step down in the merged view: the topmost entry decides, folders are merged down to an opaque one. */
  #child(
    parent: Place,
    name: string,
    layers: readonly string[],
  ): Place | { readonly target: string } | undefined {
    const path = parent.path === "" ? name : `${parent.path}/${name}`;
    const merged: string[] = [];
    for (const layer of parent.layers) {
      const entry = this.#entry(layer, path, layers);
      if (entry.kind === "absent") continue;
      if (entry.kind === "folder") {
        merged.push(layer);
        if (entry.isOpaque) break;
        continue;
      }
      if (entry.kind === "whiteout" || merged.length > 0) break;
      return entry.kind === "link" ? { target: entry.target } : { path, layers: [layer] };
    }
    return merged.length === 0 ? undefined : { path, layers: merged };
  }

  #entry(layer: string, path: string, layers: readonly string[]): Entry {
    const full = `${layer}/${path}`;
    const isKept = this.#isKept(layer, layers);
    const known = isKept ? this.#entries.get(full) : undefined;
    if (known !== undefined) return known;
    const entry = entryAt(full);
    if (isKept) keep(this.#entries, full, entry, CACHE_MAX);
    return entry;
  }

  #isKept(layer: string, layers: readonly string[]): boolean {
    return !this.#firstChanges || layer !== layers[0];
  }
}

function keep<T>(cache: Map<string, T>, key: string, value: T, most: number): void {
  if (cache.size >= most) cache.clear();
  cache.set(key, value);
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** @see Linux Documentation/filesystems/overlayfs.rst, Whiteouts and opaque directories */
function entryAt(path: string): Entry {
  const stat = tryStat(path);
  if (stat === undefined) return { kind: "absent" };
  if (stat.isDirectory()) {
    return { kind: "folder", isOpaque: findXattr(path, "trusted.overlay.opaque")?.toString() === "y" };
  }
  if (stat.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
  if (stat.isCharacterDevice() && stat.rdev === 0) return { kind: "whiteout" };
  return { kind: stat.isFile() ? "file" : "other" };
}

function tryStat(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (hasCode(error, ["ENOTDIR", "ENAMETOOLONG"])) return undefined;
    throw error;
  }
}

/** The kernel follows no link on the way, whatever has happened since the path was looked at. */
function readInside(layer: string, path: string, name: string): string | undefined {
  const folder = openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    const file = openAt(folder, path, { flags, resolve: RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS });
    try {
      return readWhole(file, name);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (hasCode(error, ["ENOENT", "ENOTDIR", "ELOOP"])) return undefined; // changed since it was looked at
    throw error;
  } finally {
    closeSync(folder);
  }
}

function readWhole(file: number, name: string): string {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw new Fault("invalid", `/${name} is not a regular file`);
  if (stat.size > FILE_MAX) throw new Fault("invalid", `/${name} is too large (maximum ${FILE_MAX} bytes)`);
  const bytes = Buffer.alloc(stat.size);
  const length = readSync(file, bytes, 0, stat.size, 0);
  return bytes.toString("utf8", 0, length);
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
