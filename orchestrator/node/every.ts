import { messageOf } from "#base/fault.ts";
import { sleep } from "#base/timers.ts";
import type { NodeDeps } from "./node-deps.ts";

export interface Chore {
  readonly ms: number;
  readonly isNeeded: () => boolean;
  readonly work: (signal: AbortSignal) => Promise<void>;
}

/** Does something again and again until the signal aborts, when there is a need. What it fails at is tried the next time. */
export async function every(
  { timers, log }: Pick<NodeDeps, "timers" | "log">,
  { ms, isNeeded, work }: Chore,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(timers, ms, signal).catch(() => {});
    if (signal.aborted || !isNeeded()) continue;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) log.warn("the node's housekeeping failed", { error: messageOf(error) });
    }
  }
}
