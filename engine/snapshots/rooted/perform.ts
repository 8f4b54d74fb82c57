import type { PathStat } from "#api/docker/path-stat.ts";
import { createHash } from "node:crypto";
import { closeSync, constants, openSync, statSync } from "node:fs";
import { basename } from "node:path/posix";
import { Fault } from "#base/fault.ts";
import { syncFileSystem } from "#host/sys.ts";
import { TarReader } from "#oci/tar/reader.ts";
import { type UpperChange, visitChanges } from "./changes.ts";
import { CopyWriter } from "./copy-writer.ts";
import { enterLayer, enterTree, type NewLayerRoom } from "./enter.ts";
import { finishLayer, openNewFile } from "./finish-layer.ts";
import type { Growth } from "./growth.ts";
import {
  type FinishedLayer,
  lowerWanted,
  type PathChange,
  type ResidentJob,
  type RootedJob,
  type RootSpec,
  type SingleJob,
  type UnpackResult,
} from "./jobs.ts";
import { LayerWriter } from "./layer-writer.ts";
import { type Owners, ownersOf } from "./owners.ts";
import type { OverlayMount } from "../snapshotter.ts";
import { absolutePath, lstatIn, statPath } from "./path-stat.ts";
import { byteText, codeOf, shown, splitPath } from "./paths.ts";
import { openArriving, openSource, type Source } from "./sources.ts";
import { TarOut } from "./tar-out.ts";
import { addTree } from "./walk.ts";
import { addChange } from "./write-diff.ts";

const stdin = 0;
const stdout = 1;

type JobOf<Kind extends RootedJob["do"]> = Extract<RootedJob, { readonly do: Kind }>;

/** How a job of a process that stays reaches whoever gave it, and comes into a layer's folder until it is done. */
export interface Ways {
  /** Asks who gave the job, and waits for the answer. */
  readonly ask: (head: unknown) => unknown;
  /** What is told of files that are still coming. */
  readonly growth: () => Growth;
  readonly enterLayer: typeof enterLayer;
  /** For a layer to be made: the view of the layers below, if there are any, is there when it is first looked at. */
  readonly enterNewLayer: (
    snapshots: string,
    folder: string,
    findLower: (() => readonly string[]) | undefined,
  ) => NewLayerRoom;
  /** What the layers make together, to be read. */
  readonly enterView: (snapshots: string, mount: OverlayMount) => void;
}

/**
 * Does the one job of this process. Archives come in on descriptor 0 and go out on 1.
 *
 * @param tellHead sends what the caller needs before the archive
 */
export async function perform(job: SingleJob, tellHead: (head: unknown) => void): Promise<unknown> {
  switch (job.do) {
    case "export":
      return exportTree(job);
    case "pack":
      return pack(job, tellHead);
    case "stat":
      enterTree(job.root, "read");
      return statPath(job.path);
    case "extract":
      return await extract(job);
    case "changes":
      return changes(job);
    case "diff":
      return diff(job);
    default:
      return job satisfies never;
  }
}

/** Does one job of many. */
export async function performNext(job: ResidentJob, ways: Ways): Promise<unknown> {
  switch (job.do) {
    case "unpack":
      return await unpack(job, ways);
    case "finish":
      return finish(job, ways);
    case "copy":
      return copy(job, ways);
    case "sync":
      return sync(job.folder);
    default:
      return job satisfies never;
  }
}

async function unpack(
  job: JobOf<"unpack">,
  { ask, growth, enterNewLayer: enter }: Ways,
): Promise<UnpackResult> {
  const { fd, source } = await openLayer(job, growth);
  const hash = createHash("sha256");
  const known = job.lower.length > 0 ? () => job.lower : undefined;
  const room = enter(
    job.snapshots,
    job.folder,
    job.lacksLower === true ? () => ask(lowerWanted) as readonly string[] : known,
  );
  const layer = new LayerWriter(room);
  const reader = new TarReader(layer);
  await source.pump((chunk) => {
    hash.update(chunk);
    reader.write(chunk);
  });
  reader.end();
  const diffId = `sha256:${hash.digest("hex")}`;
  if (diffId !== job.diffId)
    throw new Fault("invalid", `layer has diff ID ${diffId}, its image says ${job.diffId}`);
  layer.finish();
  closeSync(fd);
  return { bytes: layer.bytes };
}

function sync(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  syncFileSystem(folder);
  closeSync(folder);
}

function finish(job: JobOf<"finish">, { enterLayer: enter }: Ways): FinishedLayer {
  const archive = openNewFile(job.archive);
  const { upper, lower } = writableOf(job.mount);
  return finishLayer(enter(job.snapshots, splitPath(upper)[0], lower), archive, job.placeholders);
}

/** One that was still coming when the job was given may be there by now. */
async function openLayer(
  { blob, arriving }: JobOf<"unpack">,
  growth: () => Growth,
): Promise<{ readonly fd: number; readonly source: Source }> {
  const fd = openFirst(arriving === undefined ? blob : [arriving.path, ...blob]);
  if (arriving === undefined) return { fd, source: openSource(fd, { tools: false, isHashed: true }) };
  return { fd, source: await openArriving(fd, growth(), arriving) };
}

/** @throws {Fault} `not-found` */
function openFirst(paths: readonly string[]): number {
  for (const path of paths) {
    try {
      return openSync(path, constants.O_RDONLY);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }
  throw new Fault("not-found", `blob ${basename(paths.at(-1) ?? "")} not found`);
}

function ownersIn(root: RootSpec): Owners {
  return ownersOf(root.kind === "process" ? root.ids : undefined);
}

function exportTree(job: JobOf<"export">): void {
  enterTree(job.root, "rootfs");
  const out = new TarOut(stdout, ownersIn(job.root));
  addTree(out, "", "");
  out.end();
}

/** @see Docker Engine API v1.51, GET /containers/{id}/archive: the archive's root is the path's last part */
function pack(job: JobOf<"pack">, tellHead: (head: unknown) => void): void {
  enterTree(job.root, "read");
  const stat: PathStat = statPath(job.path);
  tellHead(stat);
  addPath(new TarOut(stdout, ownersIn(job.root)), job.path);
}

function addPath(out: TarOut, path: string): void {
  const absolute = absolutePath(path);
  addTree(
    out,
    absolute === "/" ? "" : byteText(absolute),
    byteText(absolute === "/" ? "/" : basename(absolute)),
  );
  out.end();
}

function copy({ snapshots, mount, path, archive }: JobOf<"copy">, { enterView }: Ways): void {
  const file = openNewFile(archive);
  enterView(snapshots, mount);
  statPath(path);
  addPath(new TarOut(file), path);
  closeSync(file);
}

async function extract(job: JobOf<"extract">): Promise<void> {
  const source = openSource(stdin, { tools: true, isHashed: false });
  enterTree(job.root, "write");
  const destination = absolutePath(job.path);
  lstatIn(destination);
  const stat = statSync(destination, { throwIfNoEntry: false });
  if (stat === undefined) throw new Fault("not-found", `Could not find the file ${destination}`);
  if (!stat.isDirectory()) throw new Fault("invalid", "extraction point is not a directory");
  process.chdir(destination);
  const { noOverwriteDirNonDir, owner, setsDestination = false } = job;
  const copy = new CopyWriter({
    noOverwriteDirNonDir,
    setsDestination,
    owners: ownersIn(job.root),
    destination,
    ...(owner === undefined ? {} : { owner }),
  });
  const reader = new TarReader(copy);
  await source.pump((chunk) => reader.write(chunk));
  reader.end();
  copy.finish();
}

const kindNumber = { modified: 0, added: 1, deleted: 2 } as const;

function changes(job: JobOf<"changes" | "diff">): readonly PathChange[] {
  const found: PathChange[] = [];
  visitUpper(job, false, ({ path, kind }) => found.push({ Path: shown(path), Kind: kindNumber[kind] }));
  return found;
}

/** The upper folder as a layer archive. */
function diff(job: JobOf<"changes" | "diff">): void {
  const out = new TarOut(stdout);
  visitUpper(job, true, (change) => addChange(out, change));
  out.end();
}

function visitUpper(
  job: JobOf<"changes" | "diff">,
  asLayer: boolean,
  visit: (change: UpperChange) => void,
): void {
  const { upper, lower } = writableOf(job.mount);
  const room = enterLayer(job.snapshots, splitPath(upper)[0], lower);
  visitChanges(room, { placeholders: job.placeholders, asLayer }, visit);
}

function writableOf({ upper, lower }: OverlayMount): {
  readonly upper: string;
  readonly lower: readonly string[];
} {
  if (upper === undefined) throw new Fault("invalid", "nothing can have changed in a layer");
  return { upper, lower };
}

const archiveCodes = new Set([
  "EEXIST",
  "EFBIG",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "EMLINK",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "ENOTEMPTY",
  "EPERM",
  "EROFS",
  "EXDEV",
  "E2BIG",
  "ERANGE",
  "EOVERFLOW",
  "EBUSY",
  "EACCES",
  "ENXIO",
  "ENODEV",
  "ETXTBSY",
]);

/** An error of a job as a fault: a full disk is `exhausted`; what the kernel refuses to make of an archive is `invalid`. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new Fault("exhausted", "no space left on device", { cause: error });
  if (code === "EROFS") return new Fault("invalid", "container rootfs is marked read-only", { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new Fault(code !== undefined && archiveCodes.has(code) ? "invalid" : "internal", message, {
    cause: error,
  });
}
