import { constants } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** One file of a rotated log, held open: renaming and removing it do not touch its reader. */
export interface OpenLog {
  readonly handle: FileHandle;
  /** Names the file for as long as it is open. */
  readonly inode: bigint;
  /** Bytes when it was opened. */
  readonly size: number;
}

/**
 * Opens `path`, `path.1`, `path.2`, … and returns them oldest first, no file twice. A rotation moves files only to higher
 * numbers, and numbers are visited upwards, so none is missed; a number may be vacant in the middle of one. What was made after
 * `path` was opened is not in it.
 */
export async function openLogs(path: string, signal: AbortSignal): Promise<OpenLog[]> {
  for (;;) {
    signal.throwIfAborted();
    await using undo = new AsyncDisposableStack();
    const { logs, newest } = await openInOrder(path, undo);
    // Only a second rotation while they were being opened could have brought a newer file behind an older one.
    if (newest === undefined || (await currentLog(numbered(path, newest)))?.inode === logs.at(-1)?.inode) {
      undo.move();
      return logs;
    }
  }
}

async function openInOrder(
  path: string,
  undo: AsyncDisposableStack,
): Promise<{ readonly logs: OpenLog[]; readonly newest: number | undefined }> {
  const seen = new Set<bigint>();
  const newestFirst: OpenLog[] = [];
  let newest: number | undefined;
  let highest = 1;
  for (let number = 0; number <= highest + 1; number++) {
    const log = await openOne(numbered(path, number));
    if (log === undefined) continue;
    if (seen.has(log.inode)) {
      await log.handle.close();
      continue;
    }
    undo.defer(() => log.handle.close());
    if (newest === undefined) {
      newest = number;
      highest = Math.max(highest, await highestNumber(path));
    }
    seen.add(log.inode);
    newestFirst.push(log);
  }
  return { logs: newestFirst.reverse(), newest };
}

/** What `path` names now; undefined in the middle of a rotation. */
export async function currentLog(
  path: string,
): Promise<{ readonly inode: bigint; readonly size: number } | undefined> {
  try {
    const { ino, size } = await stat(path, { bigint: true });
    return { inode: ino, size: Number(size) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

function numbered(path: string, number: number): string {
  return number === 0 ? path : `${path}.${number}`;
}

async function openOne(path: string): Promise<OpenLog | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const { ino, size } = await handle.stat({ bigint: true });
    return { handle, inode: ino, size: Number(size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function highestNumber(path: string): Promise<number> {
  const prefix = `${basename(path)}.`;
  let highest = 0;
  try {
    for (const name of await readdir(dirname(path)))
      if (name.startsWith(prefix) && /^[1-9]\d{0,4}$/.test(name.slice(prefix.length)))
        highest = Math.max(highest, Number(name.slice(prefix.length)));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return highest;
}
