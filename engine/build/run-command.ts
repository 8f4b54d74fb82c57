import { Fault } from "#base/fault.ts";
import type { InstructionOf } from "#oci/dockerfile/instruction.ts";
import { heredocOf } from "#oci/dockerfile/split.ts";

export interface RunCommand {
  readonly args: readonly string[];
  /** A program that stands in the Dockerfile, to be bound at {@link scriptPath}. */
  readonly script?: string;
}

type Run = Pick<InstructionOf<"run">, "command" | "inline">;

/** Where a program of a heredoc is found by the kernel. */
export const scriptPath = "/dev/pipes/EOF";

/**
 * The words that a RUN executes. A heredoc that is all there is becomes the shell's text, or a program when it begins with `#!`;
 * others stand behind the line that announces them, as in a shell script.
 */
export function runCommand({ command, inline }: Run, shell: readonly string[]): RunCommand {
  if (command.form === "exec") {
    if (command.words.length === 0) throw new Fault("invalid", "RUN requires at least one argument");
    return { args: command.words };
  }
  const { text } = command;
  const script = scriptOf({ command, inline });
  if (script !== undefined)
    return script.startsWith("#!") ? { args: [scriptPath], script } : { args: [...shell, script] };
  const documents = inline.map(({ content, name }) => `\n${content}${name}`);
  return { args: [...shell, `${text}${documents.join("")}`] };
}

/** The heredoc that is all there is of a RUN. */
export function scriptOf({ command, inline }: Run): string | undefined {
  const [first] = inline;
  const isAll = command.form === "shell" && inline.length === 1 && heredocOf(command.text) !== undefined;
  return isAll ? first?.content : undefined;
}
