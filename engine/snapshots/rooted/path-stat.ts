import type { PathStat } from "#api/docker/path-stat.ts";
import { type BigIntStats, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path/posix";
import { Fault } from "#base/fault.ts";
import { formatTime } from "#base/time.ts";
import { codeOf } from "./paths.ts";

/** A path of the API as an absolute one: cleaned, but a last `/` or `/.` stays, because it means "what the link leads to". */
export function absolutePath(path: string): string {
  const clean = join("/", path);
  if (path.endsWith("/.") || path === ".") return clean.endsWith("/") ? `${clean}.` : `${clean}/.`;
  return clean;
}

/**
 * Runs inside the root. Links on the way are followed, a link at the end is not.
 *
 * @throws {Fault} `not-found`; `invalid` when the way leads through something that is no folder
 * @see Docker Engine API v1.51, HEAD /containers/{id}/archive
 */
export function statPath(path: string): PathStat {
  const absolute = absolutePath(path);
  const stat = lstatIn(absolute);
  return {
    name: absolute === "/" ? "/" : basename(absolute),
    size: Number(stat.size),
    mode: goMode(stat),
    mtime: formatTime(stat.mtimeNs),
    linkTarget: stat.isSymbolicLink() ? linkTarget(absolute) : "",
  };
}

/** @throws {Fault} as {@link statPath} */
export function lstatIn(absolute: string): BigIntStats {
  try {
    return lstatSync(absolute, { bigint: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new Fault("not-found", `Could not find the file ${absolute}`);
    if (codeOf(error) === "ENOTDIR") throw new Fault("invalid", `${absolute}: not a directory`);
    if (codeOf(error) === "ENAMETOOLONG") throw new Fault("invalid", "file name too long");
    throw error;
  }
}

/** Where the link leads in the end, also when there is nothing. */
function linkTarget(absolute: string): string {
  try {
    return realpathSync.native(absolute);
  } catch {
    return resolve(dirname(absolute), readlinkSync(absolute));
  }
}

/** @see Go, io/fs, FileMode */
function goMode(stat: BigIntStats): number {
  const mode = Number(stat.mode);
  let bits = mode & 0o777;
  if (stat.isDirectory()) bits += 2 ** 31;
  else if (stat.isSymbolicLink()) bits += 2 ** 27;
  else if (stat.isBlockDevice()) bits += 2 ** 26;
  else if (stat.isCharacterDevice()) bits += 2 ** 26 + 2 ** 21;
  else if (stat.isFIFO()) bits += 2 ** 25;
  else if (stat.isSocket()) bits += 2 ** 24;
  if ((mode & 0o4000) !== 0) bits += 2 ** 23;
  if ((mode & 0o2000) !== 0) bits += 2 ** 22;
  if ((mode & 0o1000) !== 0) bits += 2 ** 20;
  return bits;
}
