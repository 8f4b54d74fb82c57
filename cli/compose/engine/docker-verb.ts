import type { Context } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { parseFlags } from "../../flags.ts";

/** Runs another command of this program on containers that compose has found: `cp`, `stats`. */
export async function runDockerVerb(
  context: Context,
  verb: string,
  words: readonly string[],
): Promise<number> {
  const { commands, findEntry } = await import("../../command-tree.ts");
  const entry = findEntry(commands, verb);
  if (entry?.kind !== "command") throw new Exit(1, `this program has no '${verb}'`);
  const command = await entry.load(words);
  const { values, operands, given } = parseFlags(command.flags, words, {
    interspersed: command.flagsFirst !== true,
  });
  return await command.run({ ...context, path: ["gantry", verb] }, values, operands, given);
}
