import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { type TarEntry, textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";

export interface PackOptions {
  /** The name of the top in the archive; empty puts a folder's content at the top. */
  readonly name: string;
  /** Whether the top is followed when it is a link. */
  readonly followsTop?: boolean;
  /** Paths below the top that are left out, folders with all that is in them unless `mayHoldMore`. */
  readonly isIgnored?: (path: string, isFolder: boolean) => "keep" | "leave" | "look-inside";
  /** Owners in the archive: as on disk unless set. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const pieceBytes = 1 << 18;

/** A file or a folder as a tar archive, in the order of names; files with several names are sent once. */
export async function* packTree(top: string, options: PackOptions): AsyncGenerator<Uint8Array> {
  const links = new Map<string, string>();
  const stats = options.followsTop ? statSync(top) : lstatSync(top);
  yield* packEntry(top, options.name, "", stats, options, links);
  yield tarEnd;
}

function* packEntry(
  path: string,
  name: string,
  below: string,
  stats: Stats,
  options: PackOptions,
  links: Map<string, string>,
): Generator<Uint8Array> {
  const verdict = below === "" ? "keep" : (options.isIgnored?.(below, stats.isDirectory()) ?? "keep");
  if (verdict === "leave") return;
  if (verdict === "keep" && name !== "") yield* packOne(path, name, stats, options, links);
  if (!stats.isDirectory()) return;
  for (const child of readdirSync(path).sort())
    yield* packEntry(
      join(path, child),
      name === "" ? child : `${name}/${child}`,
      below === "" ? child : `${below}/${child}`,
      lstatSync(join(path, child)),
      options,
      links,
    );
}

function* packOne(
  path: string,
  name: string,
  stats: Stats,
  options: PackOptions,
  links: Map<string, string>,
): Generator<Uint8Array> {
  const type = typeOf(stats);
  if (type === undefined) return;
  const inode = `${stats.dev}:${stats.ino}`;
  const first = type === "file" && stats.nlink > 1 ? links.get(inode) : undefined;
  if (type === "file" && stats.nlink > 1 && first === undefined) links.set(inode, name);
  yield tarHeader({
    type: first === undefined ? type : "link",
    path: textOfBytes(Buffer.from(name)),
    linkPath:
      first !== undefined
        ? textOfBytes(Buffer.from(first))
        : type === "symlink"
          ? textOfBytes(readlinkSync(path, { encoding: "buffer" }))
          : "",
    mode: stats.mode & 0o7777,
    uid: options.owner?.uid ?? stats.uid,
    gid: options.owner?.gid ?? stats.gid,
    size: type === "file" && first === undefined ? stats.size : 0,
    mtime: { seconds: Math.floor(stats.mtimeMs / 1000), nanoseconds: 0 },
    major: 0,
    minor: 0,
  });
  if (type === "file" && first === undefined) yield* contentOf(path, stats.size);
}

function typeOf(stats: Stats): TarEntry["type"] | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  return undefined;
}

/** Exactly `size` bytes, whatever happens to the file meanwhile. */
function* contentOf(path: string, size: number): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    let left = size;
    while (left > 0) {
      const piece = Buffer.alloc(Math.min(left, pieceBytes));
      const count = readSync(file, piece, 0, piece.length, null);
      yield count === 0 ? piece : piece.subarray(0, count);
      left -= count === 0 ? piece.length : count;
    }
  } finally {
    closeSync(file);
  }
  yield tarPadding(size);
}

/** One file that is only in memory, as an entry. */
export function packBytes(name: string, bytes: Uint8Array): readonly Uint8Array[] {
  const header = tarHeader({
    type: "file",
    path: textOfBytes(Buffer.from(name)),
    linkPath: "",
    mode: 0o600,
    uid: 0,
    gid: 0,
    size: bytes.length,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  });
  return [header, bytes, tarPadding(bytes.length)];
}
