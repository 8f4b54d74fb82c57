import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path/posix";
import { Fault } from "#base/fault.ts";
import {
  CLONE,
  chroot,
  chrootTo,
  keepCapabilities,
  MS,
  makeFilesAs,
  makeTreeReadOnly,
  mount,
  moveMount,
  O_PATH,
  openTree,
  setns,
  unshare,
} from "#host/sys.ts";
import { emptyFolder, overlayOptions, readOnlyView } from "../overlay-mount.ts";
import type { OverlayMount } from "../snapshotter.ts";
import type { Bind, RootSpec } from "./jobs.ts";

/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SYS_ADMIN (for `trusted.` attributes), MKNOD, SETFCAP. */
export const needed = [0, 1, 3, 4, 21, 27, 31];

/** Where a layer is written and, under it, the merged view of the layers below. */
export interface LayerRoom {
  readonly upper: "/fs";
  /** Undefined for a base layer. */
  readonly lower: "/work" | undefined;
}

/**
 * Locks this process into a snapshot's folder: its `fs` can be read and written, and over its `work` lies, for this process
 * only, the merged view of the layers below.
 */
export function enterLayer(snapshots: string, folder: string, lower: readonly string[]): LayerRoom {
  process.chdir(snapshots);
  if (lower.length > 0) {
    leaveMountNamespace();
    mount("overlay", `${folder}/work`, "overlay", MS.RDONLY, overlayOptions({ lower }));
  }
  chroot(folder);
  keepCapabilities(needed);
  return { upper: "/fs", lower: lower.length > 0 ? "/work" : undefined };
}

/** Where a layer is written that nothing is known of yet. */
export interface NewLayerRoom {
  readonly upper: "/fs";
  /** Where the merged view of the layers below lies, from the first call on; undefined for a base layer. */
  readonly lower: (() => "/work") | undefined;
}

/**
 * Locks this process into the tree. `read` sees it as it is; `write` may change it; `rootfs` sees the root file system alone,
 * without volumes and other mounts. From here on only synchronous calls on the main thread may name paths.
 */
export function enterTree(root: RootSpec, access: "read" | "write" | "rootfs"): void {
  if (root.kind === "process") {
    enterProcess(root.pid, root.startTime, access);
    // Whoever makes a file in mapped layers has to be somebody there.
    if (root.ids !== undefined) makeFilesAs(root.ids.base);
  } else if (root.kind === "folder") chroot(root.path);
  else enterOverlay(root.snapshots, root.mount, access === "rootfs" ? [] : root.binds, access === "write");
  keepCapabilities(needed);
}

/** Slave, not private: what the host unmounts meanwhile is let go of here too. */
function leaveMountNamespace(): void {
  unshare(CLONE.NEWNS | CLONE.FS);
  mount(null, "/", null, MS.REC | MS.SLAVE, null);
}

function enterOverlay(
  snapshots: string,
  layers: OverlayMount,
  binds: readonly Bind[],
  isWritable: boolean,
): void {
  leaveMountNamespace();
  process.chdir(snapshots);
  const trees = binds.map((bind) => openBind(bind));
  if (isWritable) mount("overlay", emptyFolder, "overlay", 0, overlayOptions(layers));
  else if (trees.length === 0 || layers.work === undefined)
    mount("overlay", emptyFolder, "overlay", MS.RDONLY, overlayOptions(readOnlyView(layers)));
  else mountOverScratch(layers, layers.work);
  chroot(emptyFolder);
  for (const [index, { destination }] of binds.entries()) {
    const tree = trees[index];
    if (tree !== undefined) placeBind(tree, destination);
  }
}

/**
 * A view to read, in which places for binds can be made that the container has not made yet: what is made is in memory. Over the
 * container's own work folder, in this namespace, because nothing else looks in there while it does not run.
 */
function mountOverScratch(layers: OverlayMount, scratch: string): void {
  const { mode, uid, gid } = statSync(layers.upper ?? emptyFolder);
  mount("tmpfs", scratch, "tmpfs", 0, "mode=700");
  const [upper, work] = [`${scratch}/upper`, `${scratch}/work`];
  for (const folder of [upper, work]) mkdirSync(folder);
  chownSync(upper, uid, gid);
  chmodSync(upper, mode & 0o7777);
  const { lower } = readOnlyView(layers);
  mount("overlay", emptyFolder, "overlay", 0, overlayOptions({ lower, upper, work }));
}

interface OpenBind {
  readonly fd: number;
  readonly isFolder: boolean;
}

function openBind({ source, isReadOnly }: Bind): OpenBind {
  const fd = openTree(source, { recursive: true });
  if (isReadOnly) makeTreeReadOnly(fd);
  return { fd, isFolder: statSync(source).isDirectory() };
}

/** Runs inside the root, so links in the destination lead nowhere else. A missing place that cannot be made hides nothing. */
function placeBind(tree: OpenBind, destination: string): void {
  try {
    mkdirSync(tree.isFolder ? destination : dirname(destination), { recursive: true });
    if (!tree.isFolder) writeFileSync(destination, "", { flag: "a" });
  } catch (error) {
    if (!isOneOf(error, ["EROFS", "EEXIST"])) throw error;
  }
  try {
    moveMount(tree.fd, destination);
  } catch (error) {
    if (!isOneOf(error, ["ENOENT"])) throw error;
  }
  closeSync(tree.fd);
}

function isOneOf(error: unknown, codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * The folder in /proc stands for this very process: when it has ended, nothing is found there, even if the number is used
 * again.
 */
function enterProcess(pid: number, startTime: string, access: "read" | "write" | "rootfs"): void {
  const gone = new Fault("conflict", `process ${pid} is gone`);
  let proc: number;
  try {
    proc = openSync(`/proc/${pid}`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw new Fault(gone.kind, gone.message, { cause: error });
  }
  const stat = readFileSync(`/proc/self/fd/${proc}/stat`, "latin1");
  if (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] !== startTime) throw gone;
  if (access !== "rootfs") return chroot(`/proc/self/fd/${proc}/root`);
  const namespace = openSync(`/proc/self/fd/${proc}/ns/mnt`, constants.O_RDONLY);
  unshare(CLONE.FS);
  setns(namespace, CLONE.NEWNS);
  chrootTo(openTree("/", { recursive: false }));
}
