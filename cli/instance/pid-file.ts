import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { startTimeOf } from "#host/process-end.ts";

/** A process, told apart from a later one with the same pid by its start time (field 22 of /proc/PID/stat). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Daemons of an instance that run in the background, each with a file `<run>/<name>.pid`. */
export type DaemonName = "engine" | "server" | "hypervisor";

/** Writes this process into the daemon's file: the pid, a blank, its start time. */
export function writePidFile(run: string, name: DaemonName): Disposable {
  const path = join(run, `${name}.pid`);
  writeFileSync(`${path}.new`, `${process.pid} ${startTimeOf(process.pid)}\n`);
  renameSync(`${path}.new`, path);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

export function findEngine(run: string): ProcessIdentity | undefined {
  return findDaemon(run, "engine");
}

/** The process that the daemon's file names, unless it has ended. */
export function findDaemon(run: string, name: DaemonName): ProcessIdentity | undefined {
  const [, pid, startTime] = /^(\d+) (\d+)\n$/.exec(readText(join(run, `${name}.pid`))) ?? [];
  if (pid === undefined || startTime === undefined) return undefined;
  const found = { pid: Number(pid), startTime };
  return isAlive(found) ? found : undefined;
}

/** False also for one that has ended and waits to be reaped. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(pid) === startTime;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}
