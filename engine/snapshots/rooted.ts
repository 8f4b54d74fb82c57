import type { PathStat } from "#api/docker/path-stat.ts";
import { finished, Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { PathChange, RootedReply, RootSpec, SingleJob } from "./rooted/jobs.ts";
import type { OverlayMount } from "./snapshotter.ts";
import { spawnWorker } from "./spawn-worker.ts";

/**
 * Work on the files of containers and images. Each call is a process of its own that is locked into the tree, so a hostile one
 * can mislead nobody but itself; it is killed when `signal` aborts, and ends with the daemon.
 *
 * Who calls sees to it that no container starts on an overlay while it is written to.
 */

/** The root file system as a tar stream, without volumes. The stream fails when the worker does. */
export function exportTree(root: RootSpec, signal: AbortSignal): Readable {
  return tarOf(start({ do: "export", root }, signal));
}

/**
 * A file or folder as a tar stream whose root is the path's last part; of a path that ends in `/.`, the content of the folder.
 *
 * @throws {Fault} `not-found`; `invalid` when the way leads through a file
 */
export async function packPath(
  root: RootSpec,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly tar: Readable }> {
  const run = start<null>({ do: "pack", root, path }, signal);
  const stat = (await Promise.race([run.head, run.done])) as PathStat;
  return { stat, tar: tarOf(run) };
}

/** @throws {Fault} as {@link packPath} */
export async function statPath(root: RootSpec, path: string, signal: AbortSignal): Promise<PathStat> {
  return await resultOf<PathStat>({ do: "stat", root, path }, signal);
}

/**
 * Unpacks a tar stream (plain, gzip, zstd, and where the host has the tool, bzip2 or xz) into a folder.
 *
 * @throws {Fault} `not-found` when there is no such path; `invalid` "extraction point is not a directory", for a bad archive, or
 *   "cannot overwrite directory …"; `exhausted` for a full disk. What was unpacked before stays.
 */
export async function extractInto(
  root: RootSpec,
  path: string,
  tar: Readable,
  options: {
    readonly noOverwriteDirNonDir: boolean;
    readonly owner?: { readonly uid: number; readonly gid: number };
    /** Whether the archive's own root says owner, mode and times of the folder. */
    readonly setsDestination?: boolean;
  },
  signal: AbortSignal,
): Promise<void> {
  const run = start<null>({ do: "extract", root, path, ...options }, signal);
  run.child.stdout.resume();
  let broken: Error | undefined;
  const forget = finished(tar, { writable: false }, (error) => {
    if (error === undefined || error === null) return;
    broken = error;
    run.kill();
  });
  // Not a pipeline: when the worker gives up first, the source stays as it is, for the caller to answer on its connection.
  tar.pipe(run.child.stdin);
  try {
    await run.done;
  } catch (error) {
    throw broken ?? error;
  } finally {
    forget();
    tar.unpipe(run.child.stdin);
  }
}

/**
 * What a container changed.
 *
 * @param placeholders mount points that the runtime makes; they do not count while they are empty
 */
export async function changesOf(
  snapshots: string,
  mount: OverlayMount,
  placeholders: readonly string[],
  signal: AbortSignal,
): Promise<readonly PathChange[]> {
  return await resultOf({ do: "changes", snapshots, mount, placeholders }, signal);
}

/** The same as a layer archive with whiteouts. The stream fails when the worker does. */
export function diffOf(
  snapshots: string,
  mount: OverlayMount,
  placeholders: readonly string[],
  signal: AbortSignal,
): Readable {
  return tarOf(start({ do: "diff", snapshots, mount, placeholders }, signal));
}

interface Run<Result> {
  readonly child: ReturnType<typeof spawnWorker>;
  /** What comes before an archive. */
  readonly head: Promise<unknown>;
  /** Settles when the process has ended and its pipes are closed. */
  readonly done: Promise<Result>;
  readonly kill: () => void;
}

async function resultOf<Result>(job: SingleJob, signal: AbortSignal): Promise<Result> {
  const run = start<Result>(job, signal);
  run.child.stdin.end();
  run.child.stdout.resume();
  return await run.done;
}

function tarOf(run: Run<unknown>): Readable {
  run.child.stdin.end();
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of run.child.stdout) yield chunk as Buffer;
    await run.done;
  }
  const tar = Readable.from(chunks(), { objectMode: false });
  tar.once("close", run.kill);
  return tar;
}

function start<Result>(job: SingleJob, signal: AbortSignal): Run<Result> {
  signal.throwIfAborted();
  const { promise: head, resolve: tellHead } = Promise.withResolvers<unknown>();
  const { promise: done, resolve, reject } = Promise.withResolvers<Result>();
  // Whoever waits for it sees it fail; who only reads the stream must not bring the daemon down.
  done.catch(() => {});
  let last: RootedReply | undefined;
  const replied = (reply: RootedReply) => {
    if ("head" in reply) tellHead(reply.head);
    else last = reply;
  };
  const child = spawnWorker({ replied, failed: reject });
  const kill = () => void child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  child.once("close", (code, name) => {
    signal.removeEventListener("abort", kill);
    if (last !== undefined && "done" in last) resolve(last.done as Result);
    else if (last !== undefined && "fault" in last) reject(new Fault(last.fault.kind, last.fault.message));
    else reject(child.reasonOf(name ?? code, job, signal));
  });
  child.control.write(`${JSON.stringify(job)}\n`);
  return { child, head, done, kill };
}
