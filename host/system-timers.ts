import type { Timers } from "#base/timers.ts";

/** A timer of Node waits at most this long; longer ones are made of several. */
const longestMs = 0x7fff_ffff;

/** The machine's clock. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, action) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const stepMs = Math.min(leftMs, longestMs);
      timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : action()), stepMs);
    };
    wait(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};
