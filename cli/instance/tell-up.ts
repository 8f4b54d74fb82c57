import type { Context } from "../context.ts";
import { formatElapsed } from "../output/units.ts";

/**
 * Says that something of ours is up, and how long that took unless it was up before.
 *
 * @param before `performance.now()` of when it was asked for
 * @param where follows as it is
 */
export function tellUp({ out }: Context, name: string, wasUp: boolean, before: number, where: string): void {
  const took = wasUp ? "" : ` ${out.dim(`(${formatElapsed(performance.now() - before)})`)}`;
  out.write(`${name} ${wasUp ? "is already up" : out.green("up")}${where}${took}\n`);
}
