import type { RestartPolicy } from "#api/docker/container.ts";

const shortestMs = 100;
const longestMs = 60_000;
/** A run this long starts the back-off anew. */
const longRunMs = 10_000;

export interface Ended {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  readonly restartCount: number;
  readonly isManuallyStopped: boolean;
  readonly ranMs: number;
  /** The delay before the last restart; 0 when there was none. */
  readonly lastDelayMs: number;
}

/** How long to wait before a container that has ended is started again; undefined when it is not. */
export function planRestart(ended: Ended): number | undefined {
  if (!wantsRestart(ended)) return undefined;
  if (ended.lastDelayMs === 0 || ended.ranMs >= longRunMs) return shortestMs;
  return Math.min(ended.lastDelayMs * 2, longestMs);
}

function wantsRestart({ policy, exitCode, restartCount, isManuallyStopped }: Ended): boolean {
  if (isManuallyStopped) return false;
  switch (policy.Name) {
    case "":
    case "no":
      return false;
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return exitCode !== 0 && (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount);
    default:
      return policy.Name satisfies never;
  }
}

/** Whether a container that is not running is started when the daemon starts. */
export function startsWithDaemon(policy: RestartPolicy, isManuallyStopped: boolean): boolean {
  return policy.Name === "always" || (policy.Name === "unless-stopped" && !isManuallyStopped);
}
