import { chmod, chown, lstat, readdir, utimes } from "node:fs/promises";
import type { Dirent, Stats } from "node:fs";
import { join, posix } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isFault } from "#base/fault.ts";
import { copyTree } from "#host/copy-tree.ts";
import { extractInto, packPath } from "./rooted.ts";
import type { OverlayMount } from "./snapshotter.ts";

/** Layers and where they are: as {@link Snapshotter.root} and {@link Snapshotter.mountOf} say. */
export interface LayeredTree {
  readonly snapshots: string;
  readonly mount: OverlayMount;
}

/**
 * Copies what is in a folder of layers to an empty folder of the host's, and gives that its owner, mode and times. Does nothing
 * when there is no such folder, or a file. Links lead nowhere outside the layers.
 *
 * @throws {Fault} `exhausted` for a full disk; the target may then be half full
 */
export async function copyFolder(
  { snapshots, mount }: LayeredTree,
  path: string,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  if (!(await mayHave({ snapshots, mount }, path))) return;
  const plain = await findPlain({ snapshots, mount }, path);
  if (plain?.isEmpty === true) return await takeAttributes(target, plain.stat);
  if (plain !== undefined && (await copyTree(plain.folder, target, signal))) return;
  // Both workers start at once: that is most of the time that it takes.
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const pipe = new PassThrough();
  const extracted = extractInto(
    { kind: "folder", path: target },
    "/",
    pipe,
    { noOverwriteDirNonDir: false, setsDestination: true },
    either,
  );
  try {
    const root = { kind: "overlay", snapshots, mount, binds: [] } as const;
    const { tar } = await packPath(root, `${path}/.`, either);
    await Promise.all([pipeline(tar, pipe, { signal: either }), extracted]);
  } catch (error) {
    stop.abort();
    await extracted.catch(() => {});
    if (
      !isFault(error, "not-found") &&
      !(isFault(error, "invalid") && error.message.endsWith("not a directory"))
    )
      throw error;
  }
}

/** False only when no layer has the path; looks without following a link, and leaves what is behind one to the workers. */
async function mayHave({ snapshots, mount }: LayeredTree, path: string): Promise<boolean> {
  let layers = layersOf({ snapshots, mount });
  for (const name of posix.join("/", path).split("/").filter(Boolean)) {
    const found = await Promise.all(layers.map((layer) => lstat(join(layer, name)).catch(() => undefined)));
    if (found.some((stat) => stat?.isSymbolicLink())) return true;
    layers = layers.filter((_, index) => found[index]?.isDirectory()).map((layer) => join(layer, name));
    if (layers.length === 0) return false;
  }
  return true;
}

interface PlainFolder {
  readonly folder: string;
  readonly stat: Stats;
  readonly isEmpty: boolean;
}

/**
 * A folder that is what it looks like in one layer, or has nothing in it in any, which is nearly every one that becomes a volume:
 * no worker is needed for it. Undefined wherever it takes an overlay to tell: links on the way, whiteouts, and folders that
 * another layer adds to or may hide.
 */
async function findPlain(tree: LayeredTree, path: string): Promise<PlainFolder | undefined> {
  let layers = layersOf(tree);
  let top: Stats | undefined;
  for (const name of posix.join("/", path).split("/").filter(Boolean)) {
    const below = layers.map((layer) => join(layer, name));
    const found = await Promise.all(below.map((folder) => lstat(folder).catch(() => undefined)));
    if (found.some((stat) => stat !== undefined && !stat.isDirectory())) return undefined;
    if (top !== undefined && found[0] === undefined) return undefined; // what lies further down may be hidden
    layers = below.filter((_, index) => found[index] !== undefined);
    top = found.find((stat) => stat !== undefined);
  }
  const [folder] = layers;
  if (folder === undefined || top === undefined) return undefined;
  const entries = await Promise.all(layers.map((layer) => entriesBelow(layer, layers.length === 1))).catch(
    () => undefined, // a name that is no text
  );
  if (entries === undefined) return undefined;
  const isEmpty = entries.every((list) => list.length === 0);
  const hasWhiteout = entries.some((list) => list.some((entry) => entry.isCharacterDevice()));
  return isEmpty || (layers.length === 1 && !hasWhiteout) ? { folder, stat: top, isEmpty } : undefined;
}

async function entriesBelow(folder: string, isDeep: boolean): Promise<readonly Dirent[]> {
  return await readdir(folder, { withFileTypes: true, recursive: isDeep });
}

async function takeAttributes(target: string, { uid, gid, mode, atime, mtime }: Stats): Promise<void> {
  await chown(target, uid, gid);
  await chmod(target, mode & 0o7777);
  await utimes(target, atime, mtime);
}

function layersOf({ snapshots, mount }: LayeredTree): readonly string[] {
  const folders = [...(mount.upper === undefined ? [] : [mount.upper]), ...mount.lower];
  return folders.map((folder) => join(snapshots, folder));
}
