import type { Stats } from "node:fs";
import { chmod, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/**
 * Gives a volume's files to a group that may write them, folders so that new files are its too. With `OnRootMismatch` a volume whose
 * top is as it should be is left alone. Links are never followed.
 *
 * @see Kubernetes API 1.36, core/v1 PodSecurityContext.fsGroup
 */
export async function giveToGroup(
  folder: string,
  group: number,
  policy: "Always" | "OnRootMismatch",
  signal: AbortSignal,
): Promise<void> {
  const top = await lstat(folder);
  const isAsWanted = top.gid === group && (top.mode & 0o2070) === 0o2070;
  if (policy === "OnRootMismatch" && isAsWanted) return;
  await giveBelow(folder, group, signal);
  await giveOne(folder, top, group); // last: it says that all the rest has been done
}

async function giveBelow(folder: string, group: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const stats = await lstat(path);
    if (stats.isDirectory()) await giveBelow(path, group, signal);
    await giveOne(path, stats, group);
  }
}

async function giveOne(path: string, stats: Stats, group: number): Promise<void> {
  if (stats.gid !== group) await lchown(path, stats.uid, group);
  if (stats.isSymbolicLink()) return;
  const wanted = (stats.mode & 0o7777) | 0o660 | (stats.isDirectory() ? 0o2110 : 0);
  if ((stats.mode & 0o7777) !== wanted || stats.gid !== group) await chmod(path, wanted);
}
