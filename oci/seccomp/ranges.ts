import type { DecisionGraph, Step } from "./decision-graph.ts";

/** From a number on, up to the next range, the decision goes on with a step. */
export interface Range<Bound extends number | bigint = number> {
  readonly from: Bound;
  readonly to: Step;
  /** How much a short way to it is worth. Zero: as long as may be. */
  readonly weight: number;
}

/** Appends a range, or lengthens the last one if that leads to the same step. */
export function appendRange<Bound extends number | bigint>(
  ranges: Range<Bound>[],
  { from, to, weight }: Range<Bound>,
): void {
  const last = ranges.at(-1);
  if (last?.to !== to) ranges.push({ from, to, weight });
  else ranges[ranges.length - 1] = { from: last.from, to, weight: last.weight + weight };
}

export function mergeRanges<Bound extends number | bigint>(
  ranges: readonly Range<Bound>[],
): readonly Range<Bound>[] {
  const merged: Range<Bound>[] = [];
  for (const range of ranges) appendRange(merged, range);
  return merged;
}

/**
 * The step that finds the range of a loaded 32-bit word and goes on there: a search tree, balanced by weight. The ranges are
 * in order and begin at 0.
 */
export function searchRanges(graph: DecisionGraph, ranges: readonly Range[]): Step {
  const merged = mergeRanges(ranges);
  const sums = [0];
  for (const { weight } of merged) sums.push((sums.at(-1) ?? 0) + weight);
  return search(graph, merged, sums, 0, merged.length);
}

function search(
  graph: DecisionGraph,
  ranges: readonly Range[],
  sums: readonly number[],
  start: number,
  end: number,
): Step {
  if (end - start === 1) return at(ranges, start).to;
  const hole = end - start === 3 ? holeOf(ranges, start) : undefined;
  if (hole !== undefined) return graph.test("equal", hole.from, hole.to, at(ranges, start).to);
  const middle = balance(sums, start, end);
  const below = search(graph, ranges, sums, start, middle);
  const above = search(graph, ranges, sums, middle, end);
  return graph.test("at-least", at(ranges, middle).from, above, below);
}

/** Of three ranges the middle one, if it is a single number with the same on both sides. */
function holeOf(ranges: readonly Range[], start: number): Range | undefined {
  const middle = at(ranges, start + 1);
  const isSingle = at(ranges, start + 2).from === middle.from + 1;
  return isSingle && at(ranges, start).to === at(ranges, start + 2).to ? middle : undefined;
}

/** Where both sides weigh about the same, and among such places where they are about as many. */
function balance(sums: readonly number[], start: number, end: number): number {
  let best = start + 1;
  let least = Number.POSITIVE_INFINITY;
  for (let middle = start + 1; middle < end; middle++) {
    const weight = Math.abs((sums[start] ?? 0) + (sums[end] ?? 0) - 2 * (sums[middle] ?? 0));
    const count = Math.abs(start + end - 2 * middle);
    const cost = weight + count / (sums.length + 1);
    if (cost < least) [best, least] = [middle, cost];
  }
  return best;
}

function at(ranges: readonly Range[], index: number): Range {
  return ranges[index] as Range;
}
