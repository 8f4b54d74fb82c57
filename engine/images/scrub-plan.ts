import type { Digest } from "#oci/digest.ts";

const hour = 3_600_000;
/** Passes are not closer together. */
const MIN_PAUSE_MS = 24 * hour;
/** A busy machine is asked again so much later. */
const BUSY_PAUSE_MS = 5 * hour;

export interface Look {
  readonly imageId: Digest;
  /** When it was last known to be sound: seen by the scrubber, or new to it. Milliseconds since 1970. */
  readonly at: number;
}

/** Images whose last look is an interval ago, those that have waited longest first. */
export function dueLooks(looks: readonly Look[], intervalMs: number, now: number): readonly Look[] {
  return looks
    .filter(({ at }) => at + intervalMs <= now)
    .toSorted((left, right) => left.at - right.at || (left.imageId < right.imageId ? -1 : 1));
}

/** How long to do nothing at all, after a pass or the start of the daemon. */
export function pauseUntilNext(
  looks: readonly Look[],
  { intervalMs, hasPassed }: { readonly intervalMs: number; readonly hasPassed: boolean },
  now: number,
): number {
  const first = Math.min(now, ...looks.map(({ at }) => at));
  const due = first + intervalMs - now;
  return Math.max(due, hasPassed ? Math.min(MIN_PAUSE_MS, intervalMs) : 0);
}

/** For a machine that has other things to do. */
export function pauseWhileBusy(intervalMs: number): number {
  return Math.min(BUSY_PAUSE_MS, intervalMs);
}

/** Whether a look may be put off: not for longer than another interval. */
export function mayWait({ at }: Look, intervalMs: number, now: number): boolean {
  return now < at + 2 * intervalMs;
}
