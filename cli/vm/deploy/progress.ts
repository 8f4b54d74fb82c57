import type { Context } from "../../context.ts";
import { formatElapsed } from "../../output/units.ts";

/** Says what a step has done and how long that took. */
export type Step = <T>(name: string, work: () => Promise<T>, describe: (done: T) => string) => Promise<T>;

const columnWidth = 11;

/** Steps as lines on standard error, each when it is done; on a terminal also while it is under way. */
export function openProgress({ err }: Pick<Context, "err">): Step {
  return async (name, work, describe) => {
    const before = performance.now();
    const head = name.padEnd(columnWidth);
    if (err.isTerminal) err.write(`${head} ${err.dim("…")}`);
    try {
      const done = await work();
      const took = err.dim(`(${formatElapsed(performance.now() - before)})`);
      err.write(`${err.isTerminal ? "\r\u001b[K" : ""}${head} ${describe(done)} ${took}\n`);
      return done;
    } catch (error) {
      if (err.isTerminal) err.write("\r\u001b[K");
      throw error;
    }
  };
}
