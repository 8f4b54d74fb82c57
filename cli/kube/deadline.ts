const longestTimerMs = 2 ** 31 - 1;

/** Aborts when the time of a command's `--timeout` is over; undefined for 0: it takes as long as it takes. */
export function deadlineAfter(limitMs: number): AbortSignal | undefined {
  return limitMs > 0 ? AbortSignal.timeout(Math.ceil(Math.min(limitMs, longestTimerMs))) : undefined;
}
