import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { Fault } from "#base/fault.ts";
import { findXattr, listXattrs, mknod, setTimes, setXattr, splitDevice } from "#host/sys.ts";
import type { ByteText, TarEntry, TarTime } from "#oci/tar/entry.ts";
import type { TarSink } from "#oci/tar/reader.ts";
import type { NewLayerRoom } from "./enter.ts";
import { isKept, NodeWriter, type Outcome } from "./node-writer.ts";
import { cleanPath, codeOf, fsPath, shown, splitPath } from "./paths.ts";

export const opaqueXattr = "trusted.overlay.opaque";
const whiteoutPrefix = ".wh.";
const opaqueWhiteout = ".wh..wh..opq";
const metaPrefix = ".wh..wh.";
const maxLinks = 40;
const maxFolders = 50_000;

/** A folder of the new layer, where it is on disk. */
interface Folder {
  readonly disk: ByteText;
  /** The same folder in the layers below; null when they have none that shows through. Looked up when first needed. */
  lower: ByteText | null | undefined;
}

/**
 * Turns the entries of a layer archive into an overlayfs layer: whiteouts become character devices 0:0 and opaque marks, and
 * what the layers below say about a path counts as if the archive were unpacked on top of them. So the folders on the way to an
 * entry that the archive does not bring keep their mode and owner, links among them are followed (inside the root), and a hard
 * link may point to a file below.
 *
 * @see OCI image-spec v1.1.1, layer.md#applying-changesets; Linux, overlayfs.rst, "whiteouts and opaque directories"
 */
export class LayerWriter implements TarSink {
  readonly #room: NewLayerRoom;
  readonly #root: Folder;
  readonly #hasLower: boolean;
  #hasOwnRoot = false;
  readonly #folders = new Map<ByteText, Folder>();
  readonly #nodes = new NodeWriter({ chownsAll: false, onReplace: () => this.#folders.clear() });

  constructor(room: NewLayerRoom) {
    this.#room = room;
    this.#hasLower = room.lower !== undefined;
    this.#root = { disk: room.upper, lower: room.lower === undefined ? null : undefined };
  }

  /** Of the files written. */
  get bytes(): number {
    return this.#nodes.bytes;
  }

  entry(entry: TarEntry): void {
    const path = cleanPath(entry.path);
    try {
      this.#apply(path, entry);
    } catch (error) {
      throw withSubject(error, path);
    }
  }

  data(bytes: Uint8Array, position: number): void {
    this.#nodes.write(bytes, position);
  }

  endEntry(): void {
    this.#nodes.close();
  }

  /** Everything has come. A root that the archive does not bring is as the one below. */
  finish(): void {
    const { upper, lower } = this.#room;
    if (lower !== undefined && !this.#hasOwnRoot) this.#copyFolder(upper, lower());
    this.#nodes.finish();
  }

  #apply(path: ByteText, entry: TarEntry): void {
    if (path === "") return this.#applyRoot(entry);
    const [parent, name] = splitPath(path);
    if (path.includes(whiteoutPrefix) && this.#isWhiteout(parent, name, path)) return;
    const folder = this.#folder(parent);
    const disk = `${folder.disk}/${name}`;
    this.#nodes.trim(disk);
    if (entry.type === "link") return this.#link(disk, entry);
    if (entry.type === "char" && entry.major === 0 && entry.minor === 0) return this.#whiteout(folder, name);
    const outcome = this.#nodes.make(disk, entry);
    if (entry.type === "directory") this.#remember(path, { disk, lower: undefined }, folder, outcome);
  }

  #applyRoot(entry: TarEntry): void {
    if (entry.type !== "directory") throw new Fault("invalid", "the root of the archive is not a folder");
    this.#nodes.makeFolder(this.#root.disk, entry);
    this.#hasOwnRoot = true;
  }

  /** True when the entry is a whiteout, which is then done, or rubbish that aufs left. */
  #isWhiteout(parent: ByteText, name: ByteText, path: ByteText): boolean {
    const isMark = name === opaqueWhiteout;
    const parts = isMark ? parent.split("/") : path.split("/");
    if (parts.some((part) => part.startsWith(metaPrefix))) return true;
    if (parent.split("/").some((part) => part.startsWith(whiteoutPrefix))) throw badWhiteout(path);
    if (isMark) {
      const folder = this.#folder(parent);
      if (this.#hasLower) this.#makeOpaque(folder);
      return true;
    }
    if (!name.startsWith(whiteoutPrefix)) return false;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === "" || hidden === "." || hidden === "..") throw badWhiteout(path);
    this.#whiteout(this.#folder(parent), hidden);
    return true;
  }

  /** Hides what is below; what this layer itself brings stays, whichever comes first. */
  #whiteout(folder: Folder, name: ByteText): void {
    if (!this.#hasLower) return;
    const disk = `${folder.disk}/${name}`;
    try {
      mknod(fsPath(disk), constants.S_IFCHR, 0, 0);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if (lstatSync(fsPath(disk)).isDirectory()) {
        setXattr(fsPath(disk), opaqueXattr, yes);
        this.#folders.clear();
      }
    }
  }

  #makeOpaque(folder: Folder): void {
    setXattr(fsPath(folder.disk), opaqueXattr, yes);
    folder.lower = null;
    this.#folders.clear();
  }

  #remember(path: ByteText, folder: Folder, parent: Folder, outcome: Outcome): void {
    // Where something else was hidden or replaced, the folder below must not show through again.
    if (outcome === "replaced" && this.#hasLower) {
      setXattr(fsPath(folder.disk), opaqueXattr, yes);
      folder.lower = null;
    }
    if (parent.lower === null || (outcome === "kept" && isOpaque(folder.disk))) folder.lower = null;
    this.#keep(path, folder);
  }

  /** Only ways without links are kept: where a link leads may change with any entry. */
  #keep(path: ByteText, folder: Folder): void {
    if (folder.disk !== `${this.#root.disk}/${path}`) return;
    if (this.#folders.size >= maxFolders) this.#folders.clear();
    this.#folders.set(path, folder);
  }

  #link(disk: ByteText, entry: TarEntry): void {
    const target = cleanPath(entry.linkPath);
    const [parent, name] = splitPath(target);
    if (name === "") throw new Fault("invalid", "a hard link to the root");
    const folder = this.#folder(parent);
    const from = `${folder.disk}/${name}`;
    const stat = lstatSync(fsPath(from), { throwIfNoEntry: false, bigint: true });
    if (stat === undefined) this.#copyUp(folder, name, target);
    else if (stat.isDirectory() || (stat.isCharacterDevice() && stat.rdev === 0n)) throw badLink(target);
    this.#nodes.link(disk, from);
  }

  /** Brings a file of the layers below into this one, as overlayfs does when it gets a second name. */
  #copyUp(folder: Folder, name: ByteText, target: ByteText): void {
    const lower = this.#lowerOf(folder);
    const source = lower === undefined ? undefined : `${lower}/${name}`;
    const stat = source === undefined ? undefined : lstatOf(source);
    if (source === undefined || stat === undefined || stat.isDirectory()) throw badLink(target);
    const disk = `${folder.disk}/${name}`;
    const { major, minor } = splitDevice(stat.rdev);
    if (stat.isFile()) copyFileSync(fsPath(source), fsPath(disk), constants.COPYFILE_EXCL);
    else if (stat.isSymbolicLink())
      symlinkSync(readlinkSync(fsPath(source), { encoding: "buffer" }), fsPath(disk));
    else mknod(fsPath(disk), Number(stat.mode), major, minor);
    if (stat.isFile()) this.#nodes.bytes += Number(stat.blocks) * 512;
    lchownSync(fsPath(disk), Number(stat.uid), Number(stat.gid));
    if (!stat.isSymbolicLink()) chmodSync(fsPath(disk), Number(stat.mode) & 0o7777);
    for (const attribute of listXattrs(fsPath(source)).filter(isKept)) {
      const value = findXattr(fsPath(source), attribute);
      if (value !== undefined) setXattr(fsPath(disk), attribute, value);
    }
    setTimes(fsPath(disk), timeOf(stat.atimeNs), timeOf(stat.mtimeNs));
  }

  /** The folder of that path; it is made when the archive did not bring it, and links on the way are followed. */
  #folder(path: ByteText): Folder {
    if (path === "") return this.#root;
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const way = [this.#root];
    const rest = path.split("/").toReversed();
    let links = 0;
    while (rest.length > 0) {
      const name = rest.pop() as string;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (way.length > 1) way.pop();
        continue;
      }
      const next = this.#step(way.at(-1) as Folder, name);
      if (typeof next !== "string") {
        way.push(next);
        continue;
      }
      if (++links > maxLinks) throw new Fault("invalid", "too many levels of symbolic links");
      if (next.startsWith("/")) way.length = 1;
      rest.push(...next.split("/").toReversed());
    }
    const folder = way.at(-1) as Folder;
    this.#keep(path, folder);
    return folder;
  }

  /** The folder of that name in another one, or the target of the link that stands there. */
  #step(parent: Folder, name: ByteText): Folder | string {
    const disk = `${parent.disk}/${name}`;
    const stat = lstatOf(disk);
    if (stat?.isDirectory())
      return { disk, lower: parent.lower === null || isOpaque(disk) ? null : undefined };
    if (stat?.isSymbolicLink()) return readlinkSync(fsPath(disk), "latin1");
    if (stat?.isCharacterDevice() && stat.rdev === 0n) {
      this.#nodes.clear(disk);
      this.#nodes.makeFolder(disk, plainFolder());
      setXattr(fsPath(disk), opaqueXattr, yes);
      return { disk, lower: null };
    }
    if (stat !== undefined) throw new Fault("invalid", `not a directory: ${shown(name)}`);
    const lower = this.#lowerOf(parent);
    const below = lower === undefined ? undefined : lstatOf(`${lower}/${name}`);
    if (below?.isSymbolicLink()) return readlinkSync(fsPath(`${lower}/${name}`), "latin1");
    if (!below?.isDirectory()) {
      this.#nodes.makeFolder(disk, plainFolder());
      return { disk, lower: null };
    }
    this.#copyFolder(disk, `${lower}/${name}`);
    return { disk, lower: `${lower}/${name}` };
  }

  #copyFolder(disk: ByteText, from: ByteText): void {
    const stat = lstatSync(fsPath(from), { bigint: true });
    const xattrs = new Map<string, Uint8Array>();
    for (const name of listXattrs(fsPath(from)).filter(isKept)) {
      const value = findXattr(fsPath(from), name);
      if (value !== undefined) xattrs.set(name, value);
    }
    this.#nodes.makeFolder(disk, {
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtime: timeOf(stat.mtimeNs),
      atime: timeOf(stat.atimeNs),
      xattrs,
    });
  }

  #lowerOf(folder: Folder): ByteText | undefined {
    if (folder.lower === undefined) {
      const lower = `${this.#room.lower?.()}${folder.disk.slice(this.#root.disk.length)}`;
      // No link is followed here: disk is a way of real folders, and one of them that is a link below ends the likeness.
      folder.lower = isRealFolder(lower) ? lower : null;
    }
    return folder.lower ?? undefined;
  }
}

const yes = Buffer.from("y");

function plainFolder(): Pick<TarEntry, "mode" | "uid" | "gid" | "mtime"> {
  return { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } };
}

export function lstatOf(path: ByteText): ReturnType<typeof bigStat> | undefined {
  try {
    return bigStat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function bigStat(path: ByteText) {
  return lstatSync(fsPath(path), { bigint: true });
}

function isRealFolder(path: ByteText): boolean {
  for (let slash = path.indexOf("/", 1); ; slash = path.indexOf("/", slash + 1)) {
    if (!lstatOf(slash < 0 ? path : path.slice(0, slash))?.isDirectory()) return false;
    if (slash < 0) return true;
  }
}

export function isOpaque(disk: ByteText): boolean {
  return findXattr(fsPath(disk), opaqueXattr)?.toString() === "y";
}

/** Nanoseconds since 1970, possibly negative. */
export function timeOf(ns: bigint): TarTime {
  const nanoseconds = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { seconds: Number((ns - nanoseconds) / 1_000_000_000n), nanoseconds: Number(nanoseconds) };
}

function badWhiteout(path: ByteText): Fault {
  return new Fault("invalid", `invalid whiteout name: ${shown(path)}`);
}

function badLink(target: ByteText): Fault {
  return new Fault("invalid", `a hard link to ${shown(target)}, which is no file here`);
}

/** Says which entry it was, for errors of the file system and ours alike. */
function withSubject(error: unknown, path: ByteText): unknown {
  if (error instanceof Fault)
    return new Fault(error.kind, `${shown(path)}: ${error.message}`, { cause: error });
  return error;
}
