import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import { BackOff } from "./informers/back-off.ts";

export interface EventuallyDeps {
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

/**
 * Opens what the node can do without for a while: when the first attempt fails, it resolves all the same, and others follow until
 * one succeeds or the signal aborts. Disposing of it disposes of what was opened, once an attempt under way is over.
 *
 * @param what the node is without, for the log
 */
export async function openEventually(
  { timers, random, log }: EventuallyDeps,
  what: string,
  open: (signal: AbortSignal) => Promise<AsyncDisposable | Disposable | undefined>,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const backOff = new BackOff(random);
  const opened = new AsyncDisposableStack();
  const attempt = async (level: "error" | "debug"): Promise<boolean> => {
    try {
      opened.use(await open(until));
      return true;
    } catch (error) {
      if (!until.aborted) log[level](`the node is without ${what}`, { reason: messageOf(error) });
      return false;
    }
  };
  const goOn = async () => {
    while (!until.aborted) {
      await sleep(timers, backOff.next(), until).catch(() => {});
      if (until.aborted || !(await attempt("debug"))) continue;
      log.info(`the node has ${what} again`);
      return;
    }
  };
  const later = (await attempt("error")) ? undefined : goOn();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await later;
      await opened.disposeAsync();
    },
  };
}
