import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { type DaemonName, isAlive, type ProcessIdentity } from "./pid-file.ts";

const stopTimeoutMs = 30_000;
/** A process that is not our child can only be looked at. */
const lookMs = 10;

/**
 * Asks a daemon to end and resolves when it has.
 *
 * @throws {Fault} `unavailable` when it is still there after half a minute
 */
export async function stopDaemon(
  name: DaemonName,
  daemon: ProcessIdentity,
  signal: AbortSignal,
): Promise<void> {
  process.kill(daemon.pid, "SIGTERM");
  const deadline = performance.now() + stopTimeoutMs;
  while (isAlive(daemon)) {
    if (performance.now() > deadline)
      throw new Fault("unavailable", `the ${name} (pid ${daemon.pid}) does not end`);
    await sleep(lookMs, undefined, { signal });
  }
}
