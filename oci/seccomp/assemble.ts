import { Fault } from "#base/fault.ts";
import {
  AND,
  type Instruction,
  JUMP,
  JUMP_ANY_BIT,
  JUMP_AT_LEAST,
  JUMP_EQUAL,
  LOAD,
  MAX_INSTRUCTIONS,
  RETURN,
} from "./bpf.ts";
import type { Step } from "./decision-graph.ts";

const codeOf = { equal: JUMP_EQUAL, "at-least": JUMP_AT_LEAST, "any-bit": JUMP_ANY_BIT } as const;

/** Tests skip at most this many instructions. */
const REACH = 255;

/**
 * Writes a decision as a program. Classic BPF only jumps forward, so it is written from its end: what a step leads to is already
 * there and its distance known.
 *
 * @throws {Fault} `invalid` if the program is longer than the kernel takes
 */
export function assemble(root: Step): readonly Instruction[] {
  const backwards = new BackwardProgram();
  for (const step of stepsFrom(root)) backwards.prepend(step);
  return backwards.finish();
}

/** Each step that can be reached, after all that follow it. */
function stepsFrom(root: Step): readonly Step[] {
  const reached: Step[] = [];
  const waiting = [root];
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    if (reached[step.id] !== undefined) continue;
    reached[step.id] = step;
    waiting.push(...followersOf(step));
  }
  return reached.filter((step) => step !== undefined);
}

function followersOf(step: Step): readonly Step[] {
  if (step.do === "return") return [];
  return step.do === "test" ? [step.yes, step.no] : [step.next];
}

/** Positions count from the program's end. */
class BackwardProgram {
  readonly #written: Instruction[] = [];
  readonly #positions: number[] = [];

  prepend(step: Step): void {
    switch (step.do) {
      case "return":
        this.#write(RETURN, step.value);
        break;
      case "load":
        this.#adjoin(step.next);
        this.#write(LOAD, step.offset);
        break;
      case "mask":
        this.#adjoin(step.next);
        this.#write(AND, step.bits);
        break;
      case "test":
        this.#test(step);
        break;
      default:
        step satisfies never;
    }
    this.#positions[step.id] = this.#written.length - 1;
  }

  finish(): readonly Instruction[] {
    return this.#written.toReversed();
  }

  #test({ test, operand, yes, no }: Step & { readonly do: "test" }): void {
    // Bringing one nearer may move the other one instruction further away.
    const yesAt = this.#within(yes, REACH - 1);
    const noAt = this.#within(no, REACH);
    const at = this.#written.length;
    this.#write(codeOf[test], operand, at - yesAt - 1, at - noAt - 1);
  }

  /** Makes a step the one that comes next. */
  #adjoin(step: Step): void {
    this.#within(step, 0);
  }

  /** The position of a step, or of a stand-in for it, that the next instruction to be written can skip to. */
  #within(step: Step, reach: number): number {
    const at = this.#positions[step.id] as number;
    if (this.#written.length - at - 1 <= reach) return at;
    if (step.do === "return") this.#write(RETURN, step.value);
    else this.#write(JUMP, this.#written.length - at - 1);
    const standIn = this.#written.length - 1;
    if (step.do === "return") this.#positions[step.id] = standIn;
    return standIn;
  }

  #write(code: number, k: number, yes = 0, no = 0): void {
    if (this.#written.length === MAX_INSTRUCTIONS)
      throw new Fault(
        "invalid",
        `the seccomp profile needs more than ${MAX_INSTRUCTIONS} instructions, which is all the kernel takes`,
      );
    this.#written.push({ code, yes, no, k });
  }
}
