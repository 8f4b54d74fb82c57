import {
  AND,
  ARCH_OFFSET,
  argumentOffset,
  type Instruction,
  JUMP,
  JUMP_ANY_BIT,
  JUMP_AT_LEAST,
  JUMP_EQUAL,
  LOAD,
  NUMBER_OFFSET,
  RETURN,
} from "./bpf.ts";
import type { SystemCall } from "./calling.ts";

export interface Outcome {
  /** What the filter returned, unsigned. */
  readonly action: number;
  /** How many instructions ran. */
  readonly steps: number;
}

/**
 * Runs a filter on a call as the kernel would.
 *
 * @throws {RangeError} on what the kernel's checker would have refused: an unknown instruction, a jump out of the program, an
 *   end without a return, a load outside the call's data
 */
export function interpretProgram(program: readonly Instruction[], call: SystemCall): Outcome {
  let accumulator = 0;
  let at = 0;
  for (let steps = 1; ; steps++) {
    const instruction = program[at++];
    if (instruction === undefined) throw new RangeError(`no instruction ${at - 1}`);
    const { code, k } = instruction;
    if (code === RETURN) return { action: k, steps };
    if (code === LOAD) accumulator = loadWord(call, k);
    else if (code === AND) accumulator = (accumulator & k) >>> 0;
    else if (code === JUMP) at += k;
    else at += succeeds(instruction, accumulator) ? instruction.yes : instruction.no;
  }
}

function succeeds({ code, k }: Instruction, accumulator: number): boolean {
  switch (code) {
    case JUMP_EQUAL:
      return accumulator === k;
    case JUMP_AT_LEAST:
      return accumulator >= k;
    case JUMP_ANY_BIT:
      return (accumulator & k) !== 0;
    default:
      throw new RangeError(`unknown instruction ${code}`);
  }
}

function loadWord({ arch, number, args }: SystemCall, offset: number): number {
  if (offset === NUMBER_OFFSET) return number;
  if (offset === ARCH_OFFSET) return arch;
  for (let index = 0; index < 6; index++) {
    const argument = args[index] ?? 0n;
    if (offset === argumentOffset(index, "lower")) return Number(argument & 0xffff_ffffn);
    if (offset === argumentOffset(index, "upper")) return Number(argument >> 32n);
  }
  throw new RangeError(`no word at offset ${offset}`);
}
