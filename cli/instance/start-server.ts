import { mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Context, EngineOptions } from "../context.ts";
import { isFolderLocked } from "./lock.ts";
import { findDaemon } from "./pid-file.ts";
import { logEnd, spawnDaemon } from "./spawn-daemon.ts";

const startTimeoutMs = 60_000;
/** As bin/gantry has it for a server. */
const serverYoungGeneration = "--max-semi-space-size=8";

export function serverLogOf({ root }: EngineOptions): string {
  return join(root, "cluster.log");
}

/**
 * Starts `gantry server` in the background with its log in `<root>/cluster.log` and resolves once it serves: it says so by its pid file.
 * Does nothing when it runs; one that somebody else is starting at the same time is waited for.
 *
 * @param words more flags for it
 * @throws {Fault} `unavailable` with the log's end when it ends or does not serve within a minute
 */
export async function startServer(context: Context, words: readonly string[]): Promise<void> {
  const { instance } = context;
  if (findDaemon(instance.run, "server") !== undefined) return;
  mkdirSync(instance.run, { recursive: true, mode: 0o755 });
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(startTimeoutMs), ended.signal]);
  const watcher = watch(instance.run, { signal });
  const argv = ["server", "--root", instance.root, "--run", instance.run, ...words];
  const child = spawnDaemon(context, serverLogOf(instance), argv, [serverYoungGeneration]);
  const end = () => {
    if (!isFolderLocked(join(instance.root, "cluster"))) ended.abort();
  };
  for (const event of ["exit", "error"]) child.once(event, end);
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (findDaemon(instance.run, "server") !== undefined) resolve();
      };
      watcher.on("change", look);
      watcher.on("error", reject);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      look();
    });
  } catch {
    child.kill();
    context.signal.throwIfAborted();
    throw new Fault("unavailable", `the cluster did not start${logEnd(serverLogOf(instance))}`);
  } finally {
    watcher.close();
    child.removeAllListeners();
  }
}
