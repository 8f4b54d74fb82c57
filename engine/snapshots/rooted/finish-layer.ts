import type { BigIntStats } from "node:fs";
import { chmodSync, closeSync, constants, lchownSync, lstatSync, openSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { listXattrs, removeXattr, setTimes } from "#host/sys.ts";
import type { Digest } from "#oci/digest.ts";
import type { ByteText } from "#oci/tar/entry.ts";
import { type UpperChange, visitChanges } from "./changes.ts";
import type { LayerRoom } from "./enter.ts";
import type { FinishedLayer } from "./jobs.ts";
import { opaqueXattr, timeOf } from "./layer-writer.ts";
import { byteText, fsPath } from "./paths.ts";
import { TarOut } from "./tar-out.ts";
import { namesIn } from "./walk.ts";
import { addChange } from "./write-diff.ts";

/**
 * Makes a layer of what a container wrote, where it is: its archive goes to `archive`, a new file, and the folder is left as if that had
 * been unpacked. Mount points, files that were copied up and not changed, sockets, and overlayfs's own marks are taken away.
 */
export function finishLayer(
  room: LayerRoom,
  archive: number,
  placeholders: readonly string[],
): FinishedLayer {
  const hash = createHash("sha256");
  let size = 0;
  const out = new TarOut(archive, undefined, (bytes) => {
    hash.update(bytes);
    size += bytes.length;
  });
  const cleaner = new Cleaner();
  visitChanges(room, { placeholders, asLayer: true }, (change) => {
    addChange(out, change);
    cleaner.keep(change);
  });
  out.end();
  closeSync(archive);
  cleaner.clean(room.upper);
  restoreRoot(room);
  return { digest: `sha256:${hash.digest("hex")}` as Digest, size, bytes: cleaner.bytes };
}

class Cleaner {
  /** On disk, of the files that stay, each rounded up to 4 KiB. */
  bytes = 0;
  /** What stays; of folders, what they are like. */
  readonly #kept = new Map<ByteText, UpperChange | undefined>();
  readonly #counted = new Set<bigint>();

  keep(change: UpperChange): void {
    const { disk, kind, stat } = change;
    if (kind === "deleted") this.#kept.set(disk, undefined);
    else if (stat.isDirectory()) this.#kept.set(disk, change);
    else if (!stat.isSocket()) {
      this.#kept.set(disk, undefined);
      removeMarks(disk, false);
      this.#count(stat);
    }
  }

  clean(folder: ByteText): void {
    for (const name of namesIn(folder)) {
      const disk = `${folder}/${name}`;
      const change = this.#kept.get(disk);
      if (change !== undefined) this.#cleanFolder(change);
      else if (!this.#kept.has(disk)) rmSync(fsPath(disk), { recursive: true, force: true });
    }
  }

  #cleanFolder({ disk, stat, hidesLower }: UpperChange): void {
    removeMarks(disk, hidesLower);
    this.clean(disk);
    // What was taken away from it has changed its time.
    if (lstatSync(fsPath(disk), { bigint: true }).mtimeNs !== stat.mtimeNs)
      setTimes(fsPath(disk), timeOf(stat.atimeNs), timeOf(stat.mtimeNs));
  }

  #count({ nlink, ino, size }: BigIntStats): void {
    if (nlink > 1n && this.#counted.has(ino)) return;
    if (nlink > 1n) this.#counted.add(ino);
    this.bytes += Math.ceil(Number(size) / 4096) * 4096;
  }
}

/** What steers overlayfs or what is made later, and does not go into archives. */
function removeMarks(disk: ByteText, isOpaque: boolean): void {
  for (const name of listXattrs(fsPath(disk))) {
    if (isOpaque && name === opaqueXattr) continue;
    if (name.startsWith("trusted.") || name === "system.posix_acl_default")
      removeXattr(fsPath(disk), fsPath(byteText(name)));
  }
}

/** The root itself is in no archive: it is as that of the layers below. */
function restoreRoot({ upper, lower }: LayerRoom): void {
  removeMarks(upper, false);
  if (lower === undefined) return;
  const { mode, uid, gid, atimeNs, mtimeNs } = lstatSync(lower, { bigint: true });
  lchownSync(upper, Number(uid), Number(gid));
  chmodSync(upper, Number(mode) & 0o7777);
  setTimes(upper, timeOf(atimeNs), timeOf(mtimeNs));
}

/** @throws when there is one already */
export function openNewFile(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
}
