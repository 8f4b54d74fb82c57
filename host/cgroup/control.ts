import { existsSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Fault, messageOf } from "#base/fault.ts";
import { type CgroupLayout, folderOf, unifiedFolderOf } from "./layout.ts";

const V1_FREEZE_ATTEMPTS = 1000;

/**
 * Stops everything in the cgroup where it stands; resolves when nothing in it runs any more. A freeze that does not succeed is
 * taken back.
 *
 * @throws {Fault} `not-found` when there is no such cgroup; the signal's reason
 */
export async function freeze(layout: CgroupLayout, cgroupPath: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    const unified = unifiedFolderOf(layout, cgroupPath);
    if (unified === undefined) await freezeLegacy(layout, cgroupPath, signal);
    else await freezeUnified(unified, signal);
  } catch (error) {
    thaw(layout, cgroupPath);
    throw asFault(cgroupPath, error);
  }
}

/** Lets everything in the cgroup go on. Nothing happens when it is gone or not frozen. */
export function thaw(layout: CgroupLayout, cgroupPath: string): void {
  const unified = unifiedFolderOf(layout, cgroupPath);
  const freezer = folderOf(layout, "freezer", cgroupPath);
  if (unified !== undefined) tryWrite(join(unified, "cgroup.freeze"), "0");
  else if (freezer !== undefined) tryWrite(join(freezer, "freezer.state"), "THAWED");
}

/** Kills everything in the cgroup and below, frozen or not; nothing can fork away. Nothing happens when it is gone. */
export function killAll(layout: CgroupLayout, cgroupPath: string): void {
  const unified = unifiedFolderOf(layout, cgroupPath);
  if (unified !== undefined && tryWrite(join(unified, "cgroup.kill"), "1")) return;
  if (unified !== undefined) tryWrite(join(unified, "cgroup.freeze"), "1");
  const freezer = folderOf(layout, "freezer", cgroupPath);
  if (unified === undefined && freezer !== undefined) tryWrite(join(freezer, "freezer.state"), "FROZEN");
  for (const pid of processIds(layout, cgroupPath)) tryKill(pid);
  thaw(layout, cgroupPath);
}

/** Host pids of everything in the cgroup and below, ascending. Empty when it is gone. */
export function processIds(layout: CgroupLayout, cgroupPath: string): readonly number[] {
  const folder =
    unifiedFolderOf(layout, cgroupPath) ??
    folderOf(layout, "pids", cgroupPath) ??
    folderOf(layout, "memory", cgroupPath);
  return folder === undefined ? [] : pidsBelow(folder).toSorted((a, b) => a - b);
}

/** How many processes of the cgroup the kernel has killed for want of memory. 0 when it is gone. */
export function oomKills(layout: CgroupLayout, cgroupPath: string): number {
  const folder = folderOf(layout, "memory", cgroupPath);
  if (folder === undefined) return 0;
  const file = layout.kind === "v2" ? "memory.events" : "memory.oom_control";
  const line = /^oom_kill (\d+)$/m.exec(tryRead(join(folder, file)) ?? "");
  return Number(line?.[1] ?? 0);
}

async function freezeUnified(folder: string, signal: AbortSignal): Promise<void> {
  const events = join(folder, "cgroup.events");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const check = () => {
    try {
      if (readFileSync(events, "latin1").includes("frozen 1")) resolve();
    } catch (error) {
      reject(error);
    }
  };
  const abort = () => reject(signal.reason);
  // The kernel reports a change of the file to watchers; watching starts before the change is asked for.
  using watcher = disposable(watch(events, { persistent: false }, check));
  watcher.onError(reject);
  signal.addEventListener("abort", abort, { once: true });
  try {
    writeFileSync(join(folder, "cgroup.freeze"), "1");
    check();
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function disposable(watcher: ReturnType<typeof watch>) {
  return {
    onError: (handle: (error: Error) => void) => watcher.on("error", handle),
    [Symbol.dispose]: () => watcher.close(),
  };
}

/** The v1 freezer tells nobody when it is done, and goes on only when asked how far it is. */
async function freezeLegacy(layout: CgroupLayout, cgroupPath: string, signal: AbortSignal): Promise<void> {
  const folder = folderOf(layout, "freezer", cgroupPath);
  if (folder === undefined) throw new Fault("precondition", "this machine has no freezer cgroup");
  const state = join(folder, "freezer.state");
  for (let attempt = 0; attempt < V1_FREEZE_ATTEMPTS; attempt++) {
    writeFileSync(state, "FROZEN");
    if (readFileSync(state, "latin1").trim() === "FROZEN") return;
    await delay(1, undefined, { signal });
  }
  throw new Fault("internal", `cgroup ${cgroupPath} does not freeze`);
}

function asFault(cgroupPath: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") return error;
  return new Fault("not-found", `no such cgroup: ${cgroupPath}: ${messageOf(error)}`, { cause: error });
}

function pidsBelow(folder: string): readonly number[] {
  const own = (tryRead(join(folder, "cgroup.procs")) ?? "").split("\n").filter((line) => line !== "");
  const nested = foldersBelow(folder).flatMap((child) => pidsBelow(join(folder, child)));
  // A process of another pid namespace reads as 0.
  return [...own.map(Number).filter((pid) => pid > 0), ...nested];
}

function foldersBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return []; // gone meanwhile
  }
}

function tryRead(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined; // the cgroup is gone, or the controller is not there
  }
}

function tryWrite(file: string, value: string): boolean {
  try {
    if (!existsSync(file)) return false;
    writeFileSync(file, value, { flag: "r+" });
    return true;
  } catch {
    return false; // gone between the two, or the kernel is too old for it
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // ended by itself
  }
}
