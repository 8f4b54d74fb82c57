import { type Expansion, expandShown, expandWord } from "#oci/dockerfile/expand.ts";
import type { Instruction } from "#oci/dockerfile/instruction.ts";
import { scriptOf } from "./run-command.ts";

/** What a step is called where BuildKit's progress shows it: with its variables put in, as it stands where these make no sense. */
export function stepTitle(instruction: Instruction, expansion: Expansion): string {
  const { text } = instruction;
  try {
    if (instruction.kind !== "run") return expandWord(text, expansion);
    const script = scriptOf(instruction);
    return expandShown(script === undefined ? text : `${text} (${beginning(script)})`, expansion);
  } catch {
    return text;
  }
}

function beginning(script: string): string {
  const [first = "", ...rest] = script.trim().split(/\r?\n/);
  return rest.length === 0 ? first : `${first}...`;
}
