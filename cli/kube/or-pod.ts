import type { Command } from "../context.ts";
import { parseFlags } from "../flags.ts";

type Load = (words: readonly string[]) => Promise<Command>;

/** No container's name has a slash in it. */
const objectName = /^[a-z][a-z0-9.-]*\/[^/]+$/i;

/**
 * Docker's command of a name, or kubectl's where the first operand is TYPE/NAME: `gantry logs deploy/web`. From then on all flags are
 * kubectl's.
 */
export function orPod(docker: Load, kubectl: Load): Load {
  return async (words) => {
    const own = await docker(words);
    const first = firstOperand(own, words);
    if (first !== undefined && !objectName.test(first)) return own;
    const other = await kubectl(words);
    return objectName.test(first ?? firstOperand(other, words) ?? "") ? other : own;
  };
}

/** Undefined where there is none, or the flags are not this command's. */
function firstOperand({ flags, flagsFirst }: Command, words: readonly string[]): string | undefined {
  try {
    return parseFlags(flags, words, { interspersed: flagsFirst !== true }).operands[0];
  } catch {
    return undefined;
  }
}
