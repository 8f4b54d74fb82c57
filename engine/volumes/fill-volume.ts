import { chmod, chown, lstat, mkdir, rename, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { childOf, entriesOf, isCode, isEmptyFolder, removeTree } from "./folders.ts";

// A volume's folder holds `_data`, what containers see, and while it is filled `_copy`, an unfinished copy, or `_fill`, a
// finished one whose entries are moving to `_data`.

/** The folder of a volume's content below that of the volume. */
export const dataName = "_data";
const copyName = "_copy";
const fillName = "_fill";

/**
 * Fills the volume in `folder` by `copy`, which is given an empty folder to put content into, and which may set its owner, mode
 * and times. Nothing happens when there is content already. A kill at any point leaves what {@link recoverFill} takes back or
 * finishes, and containers that have the volume mounted keep seeing it.
 */
export async function fillVolume(folder: string, copy: (target: string) => Promise<void>): Promise<void> {
  if (!(await isEmptyFolder(join(folder, dataName)))) return;
  const target = join(folder, copyName);
  await removeTree(target);
  await mkdir(target, { mode: 0o755 });
  try {
    await copy(target);
    await rename(target, join(folder, fillName));
  } catch (error) {
    await removeTree(target);
    throw error;
  }
  await finishFill(folder);
}

/** After a kill: discards a copy that was not finished, finishes one that was. */
export async function recoverFill(folder: string): Promise<void> {
  const names = (await entriesOf(folder)).map(({ name }) => name.toString());
  if (names.includes(copyName)) await removeTree(join(folder, copyName));
  if (names.includes(fillName)) await finishFill(folder);
}

/** May be repeated. What a container put there meanwhile stays. */
async function finishFill(folder: string): Promise<void> {
  const fill = join(folder, fillName);
  const data = join(folder, dataName);
  const meta = await unlessMissing(stat(fill));
  if (meta === undefined) return;
  for (const { name } of await entriesOf(fill)) {
    const target = childOf(data, name);
    if ((await unlessMissing(lstat(target))) === undefined) await rename(childOf(fill, name), target);
  }
  await chown(data, meta.uid, meta.gid);
  await chmod(data, meta.mode & 0o7777);
  await utimes(data, meta.atimeMs / 1000, meta.mtimeMs / 1000);
  await removeTree(fill);
}

async function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
