import { mkdirSync, watch } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import { isFolderLocked } from "./lock.ts";
import type { DaemonName } from "./pid-file.ts";
import { logEnd, spawnDaemon } from "./spawn-daemon.ts";

const startTimeoutMs = 60_000;

/** A command of ours that stays in the background. */
export interface DaemonStart {
  readonly name: DaemonName;
  /** In messages. */
  readonly called: string;
  /** Below the root; locked while one runs. */
  readonly folder: string;
  readonly log: string;
  /** More flags for it. */
  readonly words: readonly string[];
  readonly nodeFlags?: readonly string[];
  /** Whether it serves. It says so by a file in the run folder. */
  readonly isUp: () => boolean;
}

/**
 * Starts a daemon in the background and resolves once it serves. Does nothing when it does; one that somebody else is starting at the
 * same time is waited for.
 *
 * @throws {Fault} `unavailable` with the log's end when it ends or does not serve within a minute
 */
export async function startDaemon(context: Context, start: DaemonStart): Promise<void> {
  const { instance } = context;
  const { name, called, folder, log, words, nodeFlags = [], isUp } = start;
  if (isUp()) return;
  mkdirSync(instance.run, { recursive: true, mode: 0o755 });
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(startTimeoutMs), ended.signal]);
  const watcher = watch(instance.run, { signal });
  const argv = [name, "--root", instance.root, "--run", instance.run, ...words];
  const child = spawnDaemon(context, log, argv, nodeFlags);
  const end = () => {
    if (!isFolderLocked(folder)) ended.abort();
  };
  for (const event of ["exit", "error"]) child.once(event, end);
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (isUp()) resolve();
      };
      watcher.on("change", look);
      watcher.on("error", reject);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      look();
    });
  } catch {
    child.kill();
    context.signal.throwIfAborted();
    throw new Fault("unavailable", `the ${called} did not start${logEnd(log)}`);
  } finally {
    watcher.close();
    child.removeAllListeners();
  }
}
