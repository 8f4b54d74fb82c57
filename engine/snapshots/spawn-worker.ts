import { spawn } from "node:child_process";
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Fault } from "#base/fault.ts";
import type { RootedJob, RootedReply } from "./rooted/jobs.ts";

const workerFile = fileURLToPath(new URL("./rooted-worker.ts", import.meta.url));

const maxStderr = 4096;

/** What a worker's process tells whoever started it. */
interface WorkerEvents {
  readonly replied: (reply: RootedReply) => void;
  /** It could not be started. */
  readonly failed: (reason: Fault) => void;
}

/** A process that works on files of containers and images; jobs go to its `control`. */
export function spawnWorker({ replied, failed }: WorkerEvents, args: readonly string[] = []) {
  const child = spawn(process.execPath, ["--no-warnings", workerFile, ...args], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...compileCache() },
    cwd: "/",
  });
  const control = child.stdio[3] as Readable & NodeJS.WritableStream;
  for (const stream of [control, child.stdin, child.stdout, child.stderr]) stream.on("error", () => {});
  let partial = "";
  control.on("data", (chunk: Buffer) => {
    const lines = (partial + chunk.toString("latin1")).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) replied(JSON.parse(Buffer.from(line, "latin1").toString()) as RootedReply);
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-maxStderr);
  });
  child.once("error", (error) => failed(new Fault("internal", `cannot start a worker: ${error.message}`)));
  /** Why it has ended without an answer to the job. */
  const reasonOf = (
    end: number | NodeJS.Signals | null,
    job: RootedJob | undefined,
    signal: AbortSignal | undefined,
  ): Error =>
    signal?.aborted === true
      ? (signal.reason as Error)
      : new Fault("internal", `worker ended (${end}) in the middle of ${job?.do}: ${stderr}`);
  return Object.assign(child, { control, reasonOf });
}

/** Halves the time a worker takes to start, if the daemon keeps such a cache for itself. */
function compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
