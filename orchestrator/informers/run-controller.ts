import { isStatus } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import { WorkQueue, type WorkQueueOptions } from "#base/work-queue.ts";

/** When the key has to be looked at again although nothing changes. */
export interface Again {
  readonly afterMs: number;
}

export interface Controller {
  readonly name: string;
  /** Brings what the key names to what it should be. May be repeated at any time; what it throws is tried again later. */
  reconcile(key: string, signal: AbortSignal): Promise<Again | undefined | void>;
}

export interface ControllerRun {
  readonly queue: WorkQueue;
  /** Settles when the signal has aborted and all workers have ended. */
  readonly ended: Promise<void>;
}

export interface RunDeps {
  readonly timers: Timers;
  readonly log: Log;
}

export interface RunOptions extends Omit<WorkQueueOptions, "timers"> {
  /** How many keys are worked on at once. Absent: 5. */
  readonly workers?: number;
  /** Nothing is worked on before it settles: the caches have synced. */
  readonly ready?: Promise<unknown>;
}

/** Works on the keys of a queue until the signal aborts. */
export function runController(
  deps: RunDeps,
  controller: Controller,
  signal: AbortSignal,
  options: RunOptions = {},
): ControllerRun {
  const queue = new WorkQueue({ ...options, timers: deps.timers });
  const stop = () => queue.shutDown();
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const log = deps.log.with({ controller: controller.name });
  const workers = async () => {
    await options.ready?.catch(() => {});
    const each = () => work(queue, controller, log, signal);
    await Promise.all(Array.from({ length: options.workers ?? 5 }, each));
  };
  return { queue, ended: workers() };
}

async function work(queue: WorkQueue, controller: Controller, log: Log, signal: AbortSignal): Promise<void> {
  for (;;) {
    const key = await queue.get();
    if (key === undefined || signal.aborted) return;
    try {
      const again = await controller.reconcile(key, signal);
      queue.forget(key);
      if (again !== undefined && again !== null) queue.addAfter(key, again.afterMs);
    } catch (error) {
      if (signal.aborted) return;
      // a conflict only says that our cache is behind
      if (isStatus(error, "Conflict")) log.debug("a reconciliation met a newer object", { key, error });
      else log.warn("a reconciliation failed and is tried again", { key, error });
      queue.addRateLimited(key);
    } finally {
      queue.done(key);
    }
  }
}
