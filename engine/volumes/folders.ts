import type { Dirent } from "node:fs";
import { lstat, mkdir, opendir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";

/** Names are bytes: what is in a container's folder need not be UTF-8. */
type Entry = Dirent<Buffer>;

/** A path as bytes, longer than this, is moved up before its content can no longer be named (the kernel's limit is 4096). */
const deepPathBytes = 2048;
const slash = Buffer.from("/");

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}

export function childOf(folder: Buffer | string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder), slash, name]);
}

/** The entries of a folder; none when it is not there. */
export async function entriesOf(folder: Buffer | string): Promise<readonly Entry[]> {
  try {
    return await readdir(folder, { encoding: "buffer", withFileTypes: true });
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** False when there is no such folder. */
export async function isEmptyFolder(folder: string): Promise<boolean> {
  try {
    await using entries = await opendir(folder);
    return (await entries.read()) === null;
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** Makes the folder and its parents, and returns how to take back what was made: only what is still empty goes. */
export async function ensureFolder(folder: string, mode: number): Promise<() => Promise<void>> {
  const first = await mkdir(folder, { recursive: true, mode });
  return async () => {
    if (first === undefined) return;
    try {
      for (let path = folder; path.length >= first.length; path = dirname(path)) await rmdir(path);
    } catch (error) {
      if (!isCode(error, "ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY")) throw error;
    }
  };
}

/** Removes a folder with everything in it, however deep a container has nested it; nothing when it is not there. */
export async function removeTree(folder: string): Promise<void> {
  for (let round = 0; ; round++)
    try {
      await rm(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if (!isCode(error, "ENAMETOOLONG") || !(await liftDeepFolder(folder, round))) throw error;
    }
}

async function liftDeepFolder(folder: string, round: number): Promise<boolean> {
  const pending: Buffer[] = [Buffer.from(folder)];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (path.length > deepPathBytes) {
      await rename(path, `${folder}/.lifted-${round}`);
      return true;
    }
    for (const entry of await entriesOf(path))
      if (entry.isDirectory()) pending.push(childOf(path, entry.name));
  }
  return false;
}

/** Bytes of the regular files below, each inode once. What vanishes meanwhile or lies too deep does not count. */
export async function sizeOfTree(folder: string, signal: AbortSignal): Promise<number> {
  const linked = new Set<number>();
  const pending: Buffer[] = [Buffer.from(folder)];
  let bytes = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    signal.throwIfAborted();
    try {
      for (const entry of await entriesOf(path)) {
        if (entry.isDirectory()) pending.push(childOf(path, entry.name));
        if (!entry.isFile()) continue;
        const { ino, nlink, size } = await lstat(childOf(path, entry.name));
        if (linked.has(ino)) continue;
        if (nlink > 1) linked.add(ino);
        bytes += size;
      }
    } catch (error) {
      if (!isCode(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) throw error;
    }
  }
  return bytes;
}
