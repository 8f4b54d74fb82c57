import { Fault, isFault } from "#base/fault.ts";
import { takeFlags, FlagReader } from "./flags.ts";
import type { From, Instruction, InstructionOf, Stage } from "./instruction.ts";
import { parseInstruction } from "./parse-instruction.ts";
import { dockerfileFault, type Lines } from "./source.ts";
import { type Directives, type RawInstruction, refuseEmpty, splitDockerfile } from "./split.ts";
import { splitWords } from "./words.ts";

export interface Dockerfile {
  readonly directives: Directives;
  /** ARG before the first FROM: seen by FROM lines, and by stages that name them again. */
  readonly globalArgs: readonly InstructionOf<"arg">[];
  readonly stages: readonly Stage[];
  /** For excerpts in messages. */
  readonly text: string;
}

export interface ParseOptions {
  /** For messages. */
  readonly name?: string;
  /** BuildKit lets two stages have one name; the classic builder does not. */
  readonly allowsDoubleNames?: boolean;
  /** Gets each instruction as it is parsed, those before a broken one included. */
  readonly seen?: (raw: RawInstruction, parsed: Instruction | From) => void;
}

/**
 * Parses a Dockerfile of the newest stable syntax (1.20). Variables are left as they are.
 *
 * @throws {Fault} `invalid` in the words of Docker's classic builder, with the line's number and the line
 * @see Dockerfile reference
 */
export function parseDockerfile(source: string, options: ParseOptions = {}): Dockerfile {
  const split = splitDockerfile(source);
  refuseEmpty(split, options.name ?? "Dockerfile");
  const { directives, instructions, text } = split;
  const globalArgs: InstructionOf<"arg">[] = [];
  const stages: { readonly index: number; readonly from: From; readonly instructions: Instruction[] }[] = [];
  for (const raw of instructions)
    located(raw.lines, text, () => {
      if (raw.keyword === "FROM") {
        const from = parseFrom(raw, directives.escape);
        options.seen?.(raw, from);
        stages.push({ index: stages.length, from, instructions: [] });
        return;
      }
      const instruction = parseInstruction(raw, directives.escape);
      options.seen?.(raw, instruction);
      const stage = stages.at(-1);
      if (stage !== undefined) stage.instructions.push(instruction);
      else if (instruction.kind === "arg") globalArgs.push(instruction);
      else throw new Fault("invalid", "no build stage in current context");
    });
  if (stages.length === 0) throw new Fault("invalid", "no build stage in current context");
  if (options.allowsDoubleNames !== true) refuseDoubleNames(stages, text);
  return { directives, globalArgs, stages, text };
}

/** An ONBUILD trigger of a base image. @throws {Fault} `invalid` */
export function parseTrigger(trigger: string): Instruction {
  const { instructions } = splitDockerfile(trigger);
  const [raw, second] = instructions;
  if (raw === undefined || second !== undefined)
    throw new Fault(
      "invalid",
      `onbuild trigger should be a single expression, got: ${trigger.slice(0, 200)}`,
    );
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(raw.keyword))
    throw new Fault("invalid", `${raw.keyword} isn't allowed as an ONBUILD trigger`);
  return parseInstruction(raw, "\\");
}

/** Runs `work`; what it complains about gets the line's number and the line. */
function located(lines: Lines, text: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isFault(error, "invalid") || error.detail["line"] !== undefined) throw error;
    throw dockerfileFault(error.message, lines, text);
  }
}

const stageName = /^[a-z][a-z0-9_.-]*$/;

function parseFrom(raw: RawInstruction, escape: string): From {
  const flags = takeFlags(raw.rest, escape);
  const platform = new FlagReader("FROM", flags, { platform: "text" }).find("platform");
  const [image = "", as, name, extra] = splitWords(flags.rest, escape);
  const isSound =
    image !== "" &&
    (as === undefined || (as.toUpperCase() === "AS" && name !== undefined && extra === undefined));
  if (!isSound) throw new Fault("invalid", "FROM requires either one or three arguments");
  const lower = name?.toLowerCase();
  if (lower !== undefined && !stageName.test(lower))
    throw new Fault(
      "invalid",
      `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`,
    );
  return {
    text: raw.text,
    lines: raw.lines,
    image,
    ...(platform !== undefined && { platform }),
    ...(lower !== undefined && { name: lower }),
  };
}

function refuseDoubleNames(stages: readonly { readonly from: From }[], text: string): void {
  const seen = new Set<string>();
  for (const { from } of stages) {
    if (from.name === undefined) continue;
    if (seen.has(from.name)) throw dockerfileFault(`duplicate name ${from.name}`, from.lines, text);
    seen.add(from.name);
  }
}
