import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Field 22 of /proc/PID/stat, which with the pid names one process for ever; undefined when it has ended, also when nobody has
 * waited for it yet.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

const longestWaitMs = 100;

/**
 * Resolves when a process that has been killed is gone. Node cannot wait for processes that are not its children, so it looks,
 * with growing pauses; what was sent SIGKILL is usually gone at the first look.
 */
export async function processEnd(pid: number): Promise<void> {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) return;
  for (let pauseMs = 1; startTimeOf(pid) === startTime; pauseMs = Math.min(pauseMs * 2, longestWaitMs))
    await delay(pauseMs);
}
