import { Fault } from "#base/fault.ts";

const MAX = 8192;

/**
 * Parses a list of numbers as the kernel writes CPUs and memory nodes: `0-3,8`. The empty text is an empty list. The result
 * ascends without duplicates.
 *
 * @throws {Fault} `invalid` for anything else, and for numbers that no machine has
 * @see man 7 cpuset, FORMATS, List format
 */
export function parseNumberList(text: string): readonly number[] {
  const numbers = new Set<number>();
  const trimmed = text.trim();
  if (trimmed === "") return [];
  for (const part of trimmed.split(",")) {
    const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === undefined) throw new Fault("invalid", `invalid format: ${trimmed}`);
    const [from, to] = [Number(first), Number(last ?? first)];
    if (from > to || to >= MAX) throw new Fault("invalid", `invalid format: ${trimmed}`);
    for (let number = from; number <= to; number++) numbers.add(number);
  }
  return [...numbers].toSorted((a, b) => a - b);
}
