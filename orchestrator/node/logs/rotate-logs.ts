import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { containerState } from "#api/cri/messages.ts";
import { messageOf } from "#base/fault.ts";
import type { NodeDeps } from "../node-deps.ts";

const mostBytes = 10 * 1024 * 1024;
/** Of each container, the one that is written to included. */
const mostFiles = 5;

/** Gives the containers whose logs have become too long new ones. What one container's logs fail at does not hold up the others. */
export async function rotateLogs(deps: NodeDeps, signal: AbortSignal): Promise<void> {
  const filter = { state: { state: containerState.CONTAINER_RUNNING } };
  const { containers } = await deps.cri.runtime.listContainers({ filter }, signal);
  for (const { id = "" } of containers) {
    try {
      const { status } = await deps.cri.runtime.containerStatus({ containerId: id }, signal);
      if (status?.logPath !== undefined && status.logPath !== "")
        await rotateIfLong(deps, id, status.logPath, signal);
    } catch (error) {
      signal.throwIfAborted();
      deps.log.warn("a log could not be rotated", { container: id, error: messageOf(error) });
    }
  }
}

async function rotateIfLong(
  deps: NodeDeps,
  containerId: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined || stats.size < mostBytes) return;
  await tidy(path, mostFiles - 2);
  const stamp = new Date(deps.timers.now()).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const rotated = `${path}.${stamp}`;
  await rename(path, rotated);
  try {
    await deps.cri.runtime.reopenContainerLog({ containerId }, signal);
  } catch (error) {
    await rename(rotated, path); // it goes on being written to
    throw error;
  }
}

/** Compresses the older files, and keeps the newest of them. */
async function tidy(path: string, kept: number): Promise<void> {
  const folder = dirname(path);
  const older = (await readdir(folder)).filter((name) => name.startsWith(`${basename(path)}.`)).toSorted();
  for (const name of older.filter((each) => each.endsWith(".tmp")))
    await rm(join(folder, name), { force: true });
  const whole = older.filter((name) => !name.endsWith(".tmp"));
  for (const name of whole.slice(0, Math.max(0, whole.length - kept)))
    await rm(join(folder, name), { force: true });
  for (const name of whole.slice(Math.max(0, whole.length - kept))) {
    if (!name.endsWith(".gz")) await compress(join(folder, name));
  }
}

async function compress(path: string): Promise<void> {
  const { createGzip } = await import("node:zlib");
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.tmp`, { mode: 0o640 }));
  await rename(`${path}.tmp`, `${path}.gz`);
  await rm(path, { force: true });
}
