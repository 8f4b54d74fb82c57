import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { findXattr, listXattrs } from "#host/sys.ts";

const CHUNK_BYTES = 256 * 1024;
const MAX_DIFFERENCES = 10;

/**
 * What differs between two trees on disk, a line each, the first ten: names, types, modes, owners, sizes, times of everything but
 * folders, contents, targets of links, devices and extended attributes. `actual` is who is wrong in the lines.
 */
export async function compareTrees(
  expected: string,
  actual: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = [];
  const left = [""];
  for (let path = left.pop(); path !== undefined && found.length < MAX_DIFFERENCES; path = left.pop()) {
    signal.throwIfAborted();
    const [one, other] = [expected + path, actual + path];
    const stat = await findStat(one);
    const difference = await differenceOf(one, other, stat);
    const shown = Buffer.from(path === "" ? "/" : path, "latin1").toString("utf8");
    if (difference !== undefined) found.push(`${shown}: ${difference}`);
    else if (stat?.isDirectory() === true) {
      const names = await namesIn(one);
      for (const name of (await namesIn(other)).difference(names))
        found.push(`${shown}: ${name} is not of the layer`);
      for (const name of names) left.push(`${path}/${name}`);
    }
  }
  return found.slice(0, MAX_DIFFERENCES);
}

async function differenceOf(
  expected: string,
  actual: string,
  one: BigIntStats | undefined,
): Promise<string | undefined> {
  const other = await findStat(actual);
  if (one === undefined || other === undefined) return "missing";
  if (one.mode !== other.mode) return `mode ${octal(other)} instead of ${octal(one)}`;
  if (one.uid !== other.uid || one.gid !== other.gid) return "another owner";
  if (one.rdev !== other.rdev) return "another device";
  if (!sameXattrs(bytes(expected), bytes(actual))) return "other extended attributes";
  if (one.isDirectory() || isWhiteout(one)) return undefined;
  if (one.nlink !== other.nlink) return "another number of hard links";
  if (one.size !== other.size) return `${other.size} bytes instead of ${one.size}`;
  if (one.mtimeNs !== other.mtimeNs) return "another time of change";
  if (one.isSymbolicLink())
    return (await target(expected)).equals(await target(actual)) ? undefined : "another target";
  if (one.isFile() && !(await sameContent(expected, actual))) return "altered content";
  return undefined;
}

/** Made without a time, and possibly one device with many names. */
function isWhiteout({ rdev, mode }: BigIntStats): boolean {
  return rdev === 0n && (Number(mode) & constants.S_IFMT) === constants.S_IFCHR;
}

async function findStat(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(bytes(path), { bigint: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function namesIn(path: string): Promise<Set<string>> {
  return new Set(await readdir(bytes(path), "latin1"));
}

async function target(path: string): Promise<Buffer> {
  return await readlink(bytes(path), "buffer");
}

function sameXattrs(one: Buffer, other: Buffer): boolean {
  const names = listXattrs(one);
  const others = listXattrs(other);
  return (
    names.length === others.length &&
    names.every((name) => {
      const value = findXattr(other, name);
      return value !== undefined && findXattr(one, name)?.equals(value) === true;
    })
  );
}

async function sameContent(one: string, other: string): Promise<boolean> {
  await using first = await open(bytes(one), "r");
  await using second = await open(bytes(other), "r");
  for (;;) {
    const [left, right] = await Promise.all([chunkOf(first), chunkOf(second)]);
    if (!left.equals(right)) return false;
    if (left.length === 0) return true;
  }
}

async function chunkOf(file: FileHandle): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
  return buffer.subarray(0, bytesRead);
}

/** Names are bytes, kept as latin1. */
function bytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

function octal({ mode }: BigIntStats): string {
  return mode.toString(8);
}
