import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { mknod, setTimes, setTimesOf, setXattr } from "#host/sys.ts";
import type { ByteText, TarEntry, TarTime } from "#oci/tar/entry.ts";
import { codeOf, fsPath } from "./paths.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO } = constants;

/** `replaced`: something else that stood there is gone. `kept`: a folder that was there got new attributes. */
export type Outcome = "made" | "kept" | "replaced";

const maxPending = 100_000;

/**
 * Makes files, folders and the rest on disk, with owner, mode, attributes and times as an entry has them. Whatever stands in
 * the way goes first, never through a link. Folders get their times in {@link NodeWriter.finish}, when nothing is put into them
 * any more.
 */
export class NodeWriter {
  /** Bytes on disk of files, each rounded up to 4 KiB. */
  bytes = 0;
  readonly #times = new Map<ByteText, { readonly atime: TarTime; readonly mtime: TarTime }>();
  readonly #onReplace: () => void;
  #fd = -1;
  #path: ByteText = "";
  #entry: TarEntry | undefined;
  #stored = 0;
  #end = 0;
  /** Files in a set-group-ID folder take its group: from the first such folder on, every owner is set. */
  #chownsAll: boolean;

  /** `onReplace` is told before a folder or link that stood in the way goes. */
  constructor(options: { readonly chownsAll: boolean; readonly onReplace: () => void }) {
    this.#chownsAll = options.chownsAll;
    this.#onReplace = options.onReplace;
  }

  /** For all types but hard links. A file's content follows by {@link write} and ends with {@link close}. */
  make(path: ByteText, entry: TarEntry): Outcome {
    switch (entry.type) {
      case "file":
        return this.#makeFile(path, entry);
      case "directory":
        return this.makeFolder(path, entry);
      case "symlink":
        return this.#makeNode(path, entry, () => symlinkSync(fsPath(entry.linkPath), fsPath(path)));
      case "char":
        return this.#makeNode(path, entry, () => this.#mknod(path, S_IFCHR, entry));
      case "block":
        return this.#makeNode(path, entry, () => this.#mknod(path, S_IFBLK, entry));
      case "fifo":
        return this.#makeNode(path, entry, () => this.#mknod(path, S_IFIFO, entry));
      case "link":
        throw new Error("hard links are made by link()");
      default:
        return entry.type satisfies never;
    }
  }

  /** A second name for `target`. Linking a file to itself changes nothing. */
  link(path: ByteText, target: ByteText): Outcome {
    if (path === target) return "kept";
    return this.#clearingTheWay(path, () => linkSync(fsPath(target), fsPath(path)));
  }

  makeFolder(
    path: ByteText,
    entry: Pick<TarEntry, "mode" | "uid" | "gid" | "xattrs" | "mtime" | "atime">,
  ): Outcome {
    let outcome: Outcome = "made";
    try {
      mkdirSync(fsPath(path), entry.mode & 0o777);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      outcome = "kept";
      if (!lstatSync(fsPath(path)).isDirectory()) {
        this.clear(path);
        mkdirSync(fsPath(path), entry.mode & 0o777);
        outcome = "replaced";
      }
    }
    if ((entry.mode & 0o2000) !== 0) this.#chownsAll = true;
    if (outcome === "kept" || this.#chownsAll || entry.uid !== 0 || entry.gid !== 0)
      lchownSync(fsPath(path), entry.uid, entry.gid);
    if (outcome === "kept" || this.#chownsAll || entry.mode > 0o777) chmodSync(fsPath(path), entry.mode);
    applyXattrs(path, entry.xattrs);
    this.#times.set(path, { atime: entry.atime ?? entry.mtime, mtime: entry.mtime });
    return outcome;
  }

  /** Content of what is no file, such as a whiteout, goes nowhere. */
  write(bytes: Uint8Array, position: number): void {
    if (this.#fd < 0) return;
    for (let at = 0; at < bytes.length; )
      at += writeSync(this.#fd, bytes, at, bytes.length - at, position + at);
    this.#stored += bytes.length;
    this.#end = position + bytes.length;
  }

  /** Ends the file that {@link make} began, if it was one. */
  close(): void {
    if (this.#fd < 0) return;
    const entry = this.#entry as TarEntry;
    if (this.#end < entry.size) ftruncateSync(this.#fd, entry.size);
    if (this.#chownsAll || entry.uid !== 0 || entry.gid !== 0) fchownSync(this.#fd, entry.uid, entry.gid);
    if (entry.mode > 0o777) fchmodSync(this.#fd, entry.mode);
    applyXattrs(this.#path, entry.xattrs);
    setTimesOf(this.#fd, entry.atime ?? entry.mtime, entry.mtime);
    closeSync(this.#fd);
    this.#fd = -1;
    this.bytes += Math.ceil(this.#stored / 4096) * 4096;
  }

  /** Sets the times of all folders. */
  finish(): void {
    for (const [path, { atime, mtime }] of this.#times) setTimes(fsPath(path), atime, mtime);
    this.#times.clear();
  }

  /**
   * Keeps the list of folders that wait for their times short, however many there are: sets all but those on the way to `path`,
   * which is right for archives in the order of their tree, as all are.
   */
  trim(path: ByteText): void {
    if (this.#times.size < maxPending) return;
    for (const [folder, { atime, mtime }] of this.#times) {
      if (path === folder || path.startsWith(`${folder}/`)) continue;
      setTimes(fsPath(folder), atime, mtime);
      this.#times.delete(folder);
    }
  }

  /** Removes what is at the path, whole trees too. */
  clear(path: ByteText): void {
    const stat = lstatSync(fsPath(path));
    if (stat.isDirectory() || stat.isSymbolicLink()) this.#onReplace();
    if (stat.isDirectory()) this.#clearFolder(path);
    else unlinkSync(fsPath(path));
  }

  #clearFolder(path: ByteText): void {
    const folders = [path];
    for (let at = 0; at < folders.length; at++) {
      const folder = folders[at] as ByteText;
      for (const entry of readdirSync(fsPath(folder), { withFileTypes: true, encoding: "latin1" })) {
        const child = `${folder}/${entry.name}`;
        if (entry.isDirectory()) folders.push(child);
        else unlinkSync(fsPath(child));
      }
    }
    for (const folder of folders.toReversed()) {
      rmdirSync(fsPath(folder));
      this.#times.delete(folder);
    }
  }

  #makeFile(path: ByteText, entry: TarEntry): Outcome {
    const outcome = this.#clearingTheWay(path, () => {
      this.#fd = openSync(fsPath(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0o777);
    });
    this.#path = path;
    this.#entry = entry;
    this.#stored = 0;
    this.#end = 0;
    return outcome;
  }

  #makeNode(path: ByteText, entry: TarEntry, create: () => void): Outcome {
    const outcome = this.#clearingTheWay(path, create);
    if (this.#chownsAll || entry.uid !== 0 || entry.gid !== 0) lchownSync(fsPath(path), entry.uid, entry.gid);
    if (entry.mode > 0o777 && entry.type !== "symlink") chmodSync(fsPath(path), entry.mode);
    applyXattrs(path, entry.xattrs);
    setTimes(fsPath(path), entry.atime ?? entry.mtime, entry.mtime);
    return outcome;
  }

  #mknod(path: ByteText, type: number, entry: TarEntry): void {
    mknod(fsPath(path), type | (entry.mode & 0o777), entry.major, entry.minor);
  }

  #clearingTheWay(path: ByteText, create: () => void): Outcome {
    try {
      create();
      return "made";
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    this.clear(path);
    create();
    return "replaced";
  }
}

/**
 * Sets what an archive may set: `user.*`, file capabilities and access lists (not the defaults for new files, which would colour what is
 * made after them). `trusted.*` would steer overlayfs, other
 * `security.*` the host's policy. Where the file system has no such attributes, the file does without, as with other engines.
 */
function applyXattrs(path: ByteText, xattrs: TarEntry["xattrs"]): void {
  if (xattrs === undefined) return;
  for (const [name, value] of xattrs) {
    if (!isKept(name)) continue;
    try {
      setXattr(fsPath(path), fsPath(name), value);
    } catch (error) {
      const isUnsupported = codeOf(error) === "ENOTSUP" || codeOf(error) === "EOPNOTSUPP";
      if (!isUnsupported && !(codeOf(error) === "EPERM" && name.startsWith("user."))) throw error;
    }
  }
}

/** Which extended attributes go from archives to files and back. */
export function isKept(name: string): boolean {
  return name.startsWith("user.") || name === "security.capability" || name === "system.posix_acl_access";
}
