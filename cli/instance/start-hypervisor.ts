import { mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Context, EngineOptions } from "../context.ts";
import { type FlagTable, type FlagValues, text, bool } from "../flags.ts";
import { formatElapsed } from "../output/units.ts";
import { findHypervisor } from "./hypervisor-file.ts";
import { logEnd, spawnDaemon } from "./spawn-daemon.ts";

const startTimeoutMs = 60_000;

/** Of `gantry up`. */
export const hypervisorFlags = {
  hypervisor: bool("Start the hypervisor for virtual machines, too"),
  listen: text("ADDRESS", "HOST:PORT of the hypervisor's API (default 127.0.0.1:8443)"),
} as const satisfies FlagTable;

export function hypervisorLogOf({ root }: EngineOptions): string {
  return join(root, "hypervisor.log");
}

/** Starts it where the flags ask for it, and says where it is. @throws {Fault} as {@link startHypervisor} */
export async function upHypervisor(
  context: Context,
  { hypervisor, listen }: FlagValues<typeof hypervisorFlags>,
): Promise<void> {
  if (!hypervisor) {
    if (listen !== undefined) throw new Fault("invalid", "--listen is for --hypervisor");
    return;
  }
  const { out, instance } = context;
  const before = performance.now();
  const wasUp = findHypervisor(instance.run) !== undefined;
  await startHypervisor(context, listen === undefined ? [] : ["--listen", listen]);
  const took = wasUp ? "" : ` ${out.dim(`(${formatElapsed(performance.now() - before)})`)}`;
  const { url = "", accelerator = "" } = findHypervisor(instance.run) ?? {};
  out.write(`hypervisor ${wasUp ? "is already up" : out.green("up")} on ${url}, ${accelerator}${took}\n`);
}

/**
 * Starts `gantry hypervisor` in the background with its log in `<root>/hypervisor.log` and resolves once it serves. Does nothing
 * when it runs.
 *
 * @param words more flags for it
 * @throws {Fault} `unavailable` with the log's end when it ends or does not serve within a minute
 */
async function startHypervisor(context: Context, words: readonly string[]): Promise<void> {
  const { instance } = context;
  if (findHypervisor(instance.run) !== undefined) return;
  mkdirSync(instance.run, { recursive: true, mode: 0o755 });
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(startTimeoutMs), ended.signal]);
  const watcher = watch(instance.run, { signal });
  const log = hypervisorLogOf(instance);
  const place = ["--root", instance.root, "--run", instance.run];
  const child = spawnDaemon(context, log, ["hypervisor", ...place, ...words]);
  for (const event of ["exit", "error"]) child.once(event, () => ended.abort());
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (findHypervisor(instance.run) !== undefined) resolve();
      };
      watcher.on("change", look);
      watcher.on("error", reject);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      look();
    });
  } catch {
    context.signal.throwIfAborted();
    throw new Fault("unavailable", `the hypervisor did not start${logEnd(log)}`);
  } finally {
    watcher.close();
    child.removeAllListeners();
  }
}
