import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, writeSync } from "node:fs";
import { findXattr, listXattrs, splitDevice } from "#host/sys.ts";
import type { ByteText, TarEntry, TarEntryType } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import { timeOf } from "./layer-writer.ts";
import { type Owners, ownersOf, shownCapability } from "./owners.ts";
import { isKept } from "./node-writer.ts";
import { codeOf, fsPath } from "./paths.ts";
import type { BigIntStats } from "node:fs";

const bufferBytes = 1 << 20;

/** Writes a tar archive of things on disk to a descriptor, blocking when the reader is slow. */
export class TarOut {
  readonly #fd: number;
  readonly #owners: Owners;
  readonly #watch: ((bytes: Uint8Array) => void) | undefined;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #fill = 0;
  /** First name of each file with several. */
  readonly #firstNames = new Map<string, ByteText>();

  /** @param watch sees what is written, in order; the bytes are its own only while it runs */
  constructor(fd: number, owners: Owners = ownersOf(undefined), watch?: (bytes: Uint8Array) => void) {
    this.#fd = fd;
    this.#owners = owners;
    this.#watch = watch;
  }

  /** Adds what is at `disk` as `name`. What has vanished meanwhile, and sockets, are left out. */
  add(disk: ByteText, name: ByteText, stat: BigIntStats): void {
    if (stat.isFile()) return this.#addFile(disk, name);
    const type = typeOf(stat);
    if (type === undefined) return;
    try {
      const linkPath = type === "symlink" ? readlinkSync(fsPath(disk), "latin1") : "";
      const first = this.#firstName(stat, name);
      if (first !== undefined && type !== "directory")
        return this.header({ ...this.#entryOf(disk, name, stat, "link"), linkPath: first });
      this.header({ ...this.#entryOf(disk, name, stat, type), linkPath });
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }

  header(entry: TarEntry): void {
    this.#write(tarHeader(entry));
  }

  end(): void {
    this.#write(tarEnd);
    this.#flush();
  }

  #addFile(disk: ByteText, name: ByteText): void {
    let fd: number;
    try {
      // Something else may have taken the file's place since: no link is followed, no pipe waited for.
      fd = openSync(fsPath(disk), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP" || codeOf(error) === "ENXIO") return;
      throw error;
    }
    try {
      const stat = fstatSync(fd, { bigint: true });
      if (!stat.isFile()) return;
      const first = this.#firstName(stat, name);
      if (first !== undefined)
        return this.header({ ...this.#entryOf(disk, name, stat, "link"), linkPath: first });
      const entry = this.#entryOf(disk, name, stat, "file");
      this.header(entry);
      this.#content(fd, entry.size);
      this.#write(tarPadding(entry.size));
    } finally {
      closeSync(fd);
    }
  }

  /** Exactly `size` bytes, as the header promised: of a file that shrinks meanwhile the rest is zeros. */
  #content(fd: number, size: number): void {
    let isOver = false;
    for (let left = size; left > 0; ) {
      if (bufferBytes - this.#fill < 4096) this.#flush();
      const room = Math.min(left, bufferBytes - this.#fill);
      let got = isOver ? 0 : readSync(fd, this.#buffer, this.#fill, room, null);
      if (got === 0) {
        isOver = true;
        this.#buffer.fill(0, this.#fill, this.#fill + room);
        got = room;
      }
      this.#fill += got;
      left -= got;
    }
  }

  #firstName(stat: BigIntStats, name: ByteText): ByteText | undefined {
    if (stat.nlink < 2n || stat.isDirectory()) return undefined;
    const key = `${stat.dev}:${stat.ino}`;
    const first = this.#firstNames.get(key);
    if (first === undefined) this.#firstNames.set(key, name);
    return first;
  }

  #entryOf(disk: ByteText, name: ByteText, stat: BigIntStats, type: TarEntryType): TarEntry {
    const xattrs = type === "link" ? undefined : xattrsOf(disk, this.#owners);
    return {
      type,
      path: name,
      linkPath: "",
      mode: Number(stat.mode) & 0o7777,
      uid: this.#owners.shown(Number(stat.uid)),
      gid: this.#owners.shown(Number(stat.gid)),
      size: type === "file" ? Number(stat.size) : 0,
      mtime: timeOf(stat.mtimeNs),
      ...(type === "char" || type === "block" ? splitDevice(stat.rdev) : { major: 0, minor: 0 }),
      ...(xattrs === undefined ? {} : { xattrs }),
    };
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#fill === bufferBytes) this.#flush();
      const length = Math.min(bytes.length - at, bufferBytes - this.#fill);
      this.#buffer.set(bytes.subarray(at, at + length), this.#fill);
      this.#fill += length;
      at += length;
    }
  }

  #flush(): void {
    this.#watch?.(this.#buffer.subarray(0, this.#fill));
    for (let at = 0; at < this.#fill; ) at += writeSync(this.#fd, this.#buffer, at, this.#fill - at);
    this.#fill = 0;
  }
}

function typeOf(stat: BigIntStats): TarEntryType | undefined {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : undefined;
}

function xattrsOf(disk: ByteText, owners: Owners): ReadonlyMap<ByteText, Uint8Array> | undefined {
  let xattrs: Map<ByteText, Uint8Array> | undefined;
  for (const name of listXattrs(fsPath(disk))) {
    if (!isKept(name)) continue;
    const value = findXattr(fsPath(disk), fsPath(name));
    if (value === undefined) continue;
    xattrs ??= new Map();
    xattrs.set(name, name === "security.capability" ? shownCapability(value, owners) : value);
  }
  return xattrs;
}
