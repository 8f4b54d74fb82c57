import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { mountsBelow } from "#host/mounts.ts";
import { removeFolder } from "#host/remove-folder.ts";
import { MNT_DETACH, mount, MS, umount } from "#host/sys.ts";

/** Mounts a file system in memory, unless something is mounted there already. */
export function ensureMemoryMount(path: string, sizeBytes: number | undefined, mode: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (isMountPoint(path)) return;
  const size = sizeBytes === undefined ? "" : `,size=${sizeBytes}`;
  mount("tmpfs", path, "tmpfs", MS.NOSUID | MS.NODEV, `mode=${mode}${size}`);
}

/** Whether another file system begins at the folder. Follows no link. */
export function isMountPoint(path: string): boolean {
  try {
    return statSync(path).dev !== statSync(dirname(path)).dev;
  } catch {
    return false; // neither of them is there
  }
}

/**
 * Unmounts all below a folder, then removes it with what is in it. What cannot be unmounted is never removed through: it may be
 * somebody's data.
 *
 * @throws {Error} when something stays mounted
 */
export function removeWithMounts(path: string): void {
  const below = mountsBelow(path);
  for (const point of below.toReversed()) umount(point, MNT_DETACH);
  const left = mountsBelow(path);
  if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
  removeFolder(path);
}
