import type { Task } from "#engine/runtime/launcher.ts";

/** A container whose start could not be written down is not one that runs. */
export async function endUntold(task: Task): Promise<void> {
  task.control.signal(9);
  await task.control.exited;
  task.control.detach();
}

/** Whether the end comes in time. */
export async function endsWithin(exit: Promise<void>, milliseconds: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), milliseconds);
  try {
    return await Promise.race([exit.then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}
