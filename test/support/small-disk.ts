import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const pieceBytes = 64 * 1024;
const blockBytes = 4096;

/** An ext4 file system of a few megabytes that is there until it is disposed of. */
export class SmallDisk implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "gantry-disk-"));
  /** Where it is mounted. */
  readonly path = join(this.#folder, "mnt");

  constructor(megabytes: number) {
    const file = join(this.#folder, "disk");
    closeSync(openSync(file, "w"));
    truncateSync(file, megabytes * 1024 * 1024);
    execFileSync("mkfs.ext4", ["-q", "-m", "0", file]);
    execFileSync("mkdir", [this.path]);
    execFileSync("mount", ["-o", "loop", file, this.path]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  get #filler(): string {
    return join(this.path, "filler");
  }

  /** Leaves so many bytes free, to a block. */
  fill(leaveBytes: number): void {
    const file = openSync(this.#filler, "a");
    try {
      for (let left = this.freeBytes - leaveBytes; left > 0; left -= pieceBytes)
        writeSync(file, Buffer.alloc(Math.min(left, pieceBytes), 1));
    } finally {
      closeSync(file);
    }
    execFileSync("sync", ["-f", this.path]);
  }

  /** Leaves not even a block, nor one that the file system gives back when it has written the others. */
  fillUp(): void {
    const file = openSync(this.#filler, "a");
    try {
      for (const bytes of [pieceBytes, blockBytes, blockBytes]) {
        while (hasRoom(file, bytes)) {}
        execFileSync("sync", ["-f", this.path]);
      }
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
    execFileSync("sync", ["-f", this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.path]);
    rmSync(this.#folder, { recursive: true });
  }
}

function hasRoom(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes, 1)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    return false;
  }
}
