import { type BigIntStats, readlinkSync } from "node:fs";
import { dirname } from "node:path/posix";
import { findXattr } from "#host/sys.ts";
import type { ByteText } from "#oci/tar/entry.ts";
import type { LayerRoom } from "./enter.ts";
import { isOpaque, lstatOf } from "./layer-writer.ts";
import { byteText, fsPath } from "./paths.ts";
import { namesIn } from "./walk.ts";

/** Something in the upper folder that differs from what is below. */
export interface UpperChange {
  /** Absolute. */
  readonly path: ByteText;
  readonly disk: ByteText;
  readonly kind: "modified" | "added" | "deleted";
  readonly stat: BigIntStats;
  /** A folder that hides everything below it. */
  readonly hidesLower: boolean;
}

/**
 * What the upper folder changes, parents before children, names in order. A folder in which something changed counts as
 * modified itself. Files that were copied up but are as below do not count, except under a folder that hides what is below, where
 * `asLayer` needs them. Empty files and folders among `placeholders` that the runtime made as mount points, and folders made
 * only for them, do not count either.
 */
export function visitChanges(
  room: LayerRoom,
  options: { readonly placeholders: readonly string[]; readonly asLayer: boolean },
  visit: (change: UpperChange) => void,
): void {
  const placeholders = new Set<ByteText>();
  for (const path of options.placeholders)
    for (let at = byteText(path); at !== "/" && at !== "."; at = dirname(at)) placeholders.add(at);
  const walker: Walker = { upper: room.upper, placeholders, asLayer: options.asLayer, visit };
  walkFolder(walker, "", room.lower, false, () => {});
}

interface Walker {
  readonly upper: ByteText;
  readonly placeholders: ReadonlySet<ByteText>;
  readonly asLayer: boolean;
  readonly visit: (change: UpperChange) => void;
}

/** `lower` is the folder below, if there is one; `announce` tells of the folder itself, once, before anything in it. */
function walkFolder(
  walker: Walker,
  path: ByteText,
  lower: ByteText | undefined,
  isHiding: boolean,
  announce: () => void,
): void {
  const names = namesIn(`${walker.upper}${path}`);
  const gone = isHiding && !walker.asLayer && lower !== undefined ? missingFrom(names, lower) : [];
  for (const name of [...names, ...gone].sort()) {
    const child = `${path}/${name}`;
    const disk = `${walker.upper}${child}`;
    const below = lower === undefined ? undefined : lstatOf(`${lower}/${name}`);
    const stat = lstatOf(disk);
    if (stat === undefined || (stat.isCharacterDevice() && stat.rdev === 0n)) {
      const isSeen = below !== undefined && !(isHiding && walker.asLayer);
      if (!isSeen) continue;
      announce();
      walker.visit({ path: child, disk, kind: "deleted", stat: below, hidesLower: false });
    } else visitOne(walker, { child, disk, stat, below, lower: `${lower}/${name}`, isHiding, announce });
  }
}

function missingFrom(names: readonly ByteText[], lower: ByteText): readonly ByteText[] {
  const there = new Set(names);
  return namesIn(lower).filter((name) => !there.has(name));
}

interface Place {
  readonly child: ByteText;
  readonly disk: ByteText;
  readonly stat: BigIntStats;
  readonly below: BigIntStats | undefined;
  readonly lower: ByteText;
  readonly isHiding: boolean;
  readonly announce: () => void;
}

function visitOne(walker: Walker, place: Place): void {
  const { child, disk, stat, below, isHiding, announce } = place;
  const isFolder = stat.isDirectory();
  const isPlaceholder =
    below === undefined &&
    walker.placeholders.has(child) &&
    (isFolder || (stat.isFile() && stat.size === 0n));
  const isChanged = below === undefined || differs(stat, below, disk, place.lower);
  const isOn = !isPlaceholder && (isChanged || (isHiding && walker.asLayer));
  const hidesBelow = isFolder && (isHiding || isOpaque(disk));
  const hidesLower = isFolder && below?.isDirectory() === true && isOpaque(disk) && !isHiding;
  let isTold = false;
  const tell = () => {
    if (isTold) return;
    isTold = true;
    announce();
    walker.visit({ path: child, disk, kind: below === undefined ? "added" : "modified", stat, hidesLower });
  };
  if (isOn || (hidesLower && walker.asLayer)) tell();
  if (isFolder) walkFolder(walker, child, below?.isDirectory() ? place.lower : undefined, hidesBelow, tell);
}

function differs(stat: BigIntStats, below: BigIntStats, disk: ByteText, lower: ByteText): boolean {
  if (
    stat.mode !== below.mode ||
    stat.uid !== below.uid ||
    stat.gid !== below.gid ||
    stat.rdev !== below.rdev
  )
    return true;
  if (stat.isDirectory()) return false;
  if (stat.size !== below.size || stat.mtimeNs !== below.mtimeNs) return true;
  if (stat.isSymbolicLink())
    return readlinkSync(fsPath(disk), "latin1") !== readlinkSync(fsPath(lower), "latin1");
  const [now, before] = [disk, lower].map((path) => findXattr(fsPath(path), "security.capability"));
  return !(now ?? empty).equals(before ?? empty);
}

const empty = Buffer.alloc(0);
