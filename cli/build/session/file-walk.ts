import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from "node:fs";
import type { stat } from "#api/buildkit/session.ts";
import { toGoMode } from "#api/buildkit/go-mode.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import { ignoreRules } from "#oci/dockerfile/ignore.ts";
import { PathPattern } from "#oci/dockerfile/path-pattern.ts";
import { followLinks } from "./follow-links.ts";

type Stat = Partial<MessageOf<typeof stat>>;

/** Which files of a folder are wanted. All, when nothing is said. */
export interface Selection {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** These paths, and what links among them lead to. */
  readonly follow: readonly string[];
}

/** One thing in a folder. */
export interface WalkedFile {
  readonly stat: Stat;
  /** Of a file whose content may be asked for. */
  readonly content?: () => Iterable<Uint8Array>;
}

const pieceBytes = 256 << 10;

/**
 * What is wanted of a folder, in the order of its names, folders before what is in them. A folder that nobody names comes only
 * with something in it. Everything belongs to root.
 *
 * @see github.com/tonistiigi/fsutil, filter.go
 */
export function* walkFolder(top: string, selection: Selection): Generator<WalkedFile> {
  const follow = selection.follow.length === 0 ? [] : followLinks(top, selection.follow);
  const named = [...selection.include, ...follow];
  // A path that leads to the top wants all.
  const include = named.includes("") ? [] : named;
  const walk = new FolderWalk(top, include, selection.exclude);
  yield* walk.below("", [], false);
}

class FolderWalk {
  readonly #top: string;
  readonly #include: readonly PathPattern[];
  /** The first parts of patterns without wildcards: nothing else need be looked into. */
  readonly #starts: readonly string[] | undefined;
  readonly #exclude: ReturnType<typeof ignoreRules>;
  readonly #links = new Map<string, string>();

  constructor(top: string, include: readonly string[], exclude: readonly string[]) {
    this.#top = top;
    this.#include = include.map((pattern) => new PathPattern(pattern));
    this.#exclude = ignoreRules(exclude);
    this.#starts = include.some((pattern) => /[*?[\\]/.test(pattern)) ? undefined : include;
  }

  /**
   * @param pending folders above that were not listed yet
   * @param isCovered whether all that is in the folder is asked for
   */
  *below(folder: string, pending: WalkedFile[], isCovered: boolean): Generator<WalkedFile> {
    for (const name of namesIn(`${this.#top}/${folder}`)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const found = lstatSync(`${this.#top}/${path}`, { bigint: true, throwIfNoEntry: false });
      if (found === undefined) continue; // it went in the meantime
      const isFolder = found.isDirectory();
      const isExcluded = this.#exclude.ignores(path);
      if (isExcluded && !(isFolder && this.#exclude.hasExceptions)) continue;
      const isAsked = isCovered || this.#isIncluded(path);
      const isWanted = !isExcluded && isAsked;
      if (!isWanted && !(isFolder && (isAsked || this.#mayHold(path)))) continue;
      const walked = this.#walked(path, found);
      if (walked === undefined) continue;
      if (isWanted) yield* pending.splice(0);
      if (isWanted) yield walked;
      if (isFolder) {
        const own = isWanted ? [] : [...pending, walked];
        const before = own.length;
        yield* this.below(path, own, isAsked);
        if (own.length < before) pending.length = 0; // they were listed on the way
      }
    }
  }

  #isIncluded(path: string): boolean {
    return this.#include.length === 0 || this.#include.some((pattern) => pattern.covers(path));
  }

  #mayHold(folder: string): boolean {
    if (this.#include.length === 0 || this.#starts === undefined) return true;
    return this.#isIncluded(folder) || this.#starts.some((start) => start.startsWith(`${folder}/`));
  }

  #walked(path: string, found: BigIntStats): WalkedFile | undefined {
    const kind = kindOf(found);
    if (kind === undefined) return undefined;
    const place = `${this.#top}/${path}`;
    const stat: Stat = {
      path,
      mode: toGoMode(kind, Number(found.mode)),
      modTime: found.mtimeNs,
      ...(kind === "symlink" && { linkname: readlinkSync(place) }),
    };
    if (kind !== "file") return { stat };
    const inode = found.nlink > 1n ? `${found.dev}:${found.ino}` : undefined;
    const first = inode === undefined ? undefined : this.#links.get(inode);
    const size = Number(found.size);
    if (first !== undefined) return { stat: { ...stat, size, linkname: first } };
    if (inode !== undefined) this.#links.set(inode, path);
    return { stat: { ...stat, size }, content: () => contentOf(place) };
  }
}

function namesIn(folder: string): readonly string[] {
  const names = readdirSync(folder);
  for (const name of names)
    if (name.includes("\uFFFD"))
      throw new Fault("invalid", `the name of ${folder}/${name} is not UTF-8: it cannot be sent`);
  return names.sort(byBytes);
}

/** As Go compares texts: by their bytes, where JavaScript compares halves of characters. */
function byBytes(a: string, b: string): number {
  return /[\uD800-\uDFFF]/.test(a + b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}

function kindOf(found: BigIntStats) {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  if (found.isSymbolicLink()) return "symlink";
  return found.isFIFO() ? "fifo" : undefined;
}

function* contentOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const count = readSync(file, piece, 0, piece.length, null);
      if (count === 0) return;
      yield piece.subarray(0, count);
      if (count < piece.length / 2) continue;
    }
  } finally {
    closeSync(file);
  }
}
