import { readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { isMissing, LogFileHandle } from "./log-file.ts";

/**
 * Opens `path`, `path.1`, `path.2`, … each perhaps compressed to `.gz`, and returns them oldest first, no file twice. A rotation moves files only to higher
 * numbers, and numbers are visited upwards, so none is missed; a number may be vacant in the middle of one. What was made after
 * `path` was opened is not in it.
 */
export async function openLogs(path: string, signal: AbortSignal): Promise<LogFileHandle[]> {
  for (;;) {
    signal.throwIfAborted();
    await using undo = new AsyncDisposableStack();
    const logs = await openInOrder(path, undo);
    const newest = logs.at(-1);
    // Only a second rotation while they were being opened could have brought a newer file behind an older one.
    if (
      newest === undefined ||
      newest.isCompressed ||
      (await currentLog(newest.path))?.inode === newest.inode
    ) {
      undo.move();
      return logs;
    }
  }
}

async function openInOrder(path: string, undo: AsyncDisposableStack): Promise<LogFileHandle[]> {
  const newestFirst: LogFileHandle[] = [];
  let highest: number | undefined;
  for (let number = 0; number <= (highest ?? 1) + 1; number++) {
    // A file gets its compressed name before it loses the plain one.
    for (const suffix of number === 0 ? [""] : ["", ".gz"]) {
      const log = await LogFileHandle.open(`${numbered(path, number)}${suffix}`);
      if (log === undefined) continue;
      if (newestFirst.some((seen) => seen.isSameAs(log))) {
        await log.close();
        continue;
      }
      undo.defer(() => log.close());
      highest ??= await highestNumber(path);
      newestFirst.push(log);
    }
  }
  return newestFirst.reverse();
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

function numbered(path: string, number: number): string {
  return number === 0 ? path : `${path}.${number}`;
}

async function highestNumber(path: string): Promise<number> {
  const prefix = `${basename(path)}.`;
  let highest = 0;
  try {
    for (const name of await readdir(dirname(path)))
      if (name.startsWith(prefix)) {
        const number = /^([1-9]\d{0,4})(?:\.gz)?$/.exec(name.slice(prefix.length))?.[1];
        highest = Math.max(highest, Number(number ?? 0));
      }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return highest;
}
