import { argumentOffset } from "./bpf.ts";
import { holds } from "./conditions.ts";
import type { DecisionGraph, Step } from "./decision-graph.ts";
import { mergeRanges, type Range, searchRanges } from "./ranges.ts";
import type { Clause } from "./resolve.ts";
import type { Condition } from "./rules.ts";

const WORD = 1n << 32n;
const END = 1n << 64n;

/**
 * The step that decides by a call's clauses in their order, and goes to `otherwise` if none holds. Successive clauses on the
 * same argument, such as a list of allowed values, become one search instead of one comparison after the other.
 */
export function decideByArguments(graph: DecisionGraph, clauses: readonly Clause[], otherwise: Step): Step {
  return groupsOf(clauses).reduceRight<Step>((next, group) => {
    const index = searchable(group[0]);
    return index === undefined
      ? decideClause(graph, group[0], next)
      : decideBySearch(graph, index, group, next);
  }, otherwise);
}

type Group = readonly [Clause, ...Clause[]];

function groupsOf(clauses: readonly Clause[]): readonly Group[] {
  const groups: [Clause, ...Clause[]][] = [];
  for (const clause of clauses) {
    const group = groups.at(-1);
    const index = searchable(clause);
    if (group !== undefined && index !== undefined && searchable(group[0]) === index) group.push(clause);
    else groups.push([clause]);
  }
  return groups;
}

/** The argument that alone decides a clause, if it is compared in a way that divides numbers into few ranges. */
function searchable({ when: [only, ...more] }: Clause): number | undefined {
  return only === undefined || more.length > 0 || only.op === "masked==" ? undefined : only.index;
}

function decideClause(graph: DecisionGraph, { when, action }: Clause, otherwise: Step): Step {
  return when.reduceRight<Step>((yes, condition) => {
    if (condition.op === "masked==") return decideByMask(graph, condition, yes, otherwise);
    const bounds = boundsOf([condition]);
    const ranges = bounds.map((from) => ({ from, to: holds(condition, from) ? yes : otherwise, weight: 1 }));
    return searchArgument(graph, condition.index, ranges);
  }, graph.return(action));
}

function decideBySearch(
  graph: DecisionGraph,
  index: number,
  clauses: readonly Clause[],
  otherwise: Step,
): Step {
  const bounds = boundsOf(clauses.flatMap(({ when }) => when));
  const ranges = bounds.map((from) => {
    const clause = clauses.find(({ when }) => when.every((condition) => holds(condition, from)));
    return { from, to: clause === undefined ? otherwise : graph.return(clause.action), weight: 1 };
  });
  return searchArgument(graph, index, ranges);
}

/** Where the truth of a condition may change, and 0. */
function boundsOf(conditions: readonly Condition[]): readonly bigint[] {
  const bounds = new Set([0n, ...conditions.flatMap(({ value }) => [value, value + 1n])]);
  return [...bounds].filter((bound) => bound < END).sort((a, b) => (a < b ? -1 : 1));
}

/** Searches the upper half, and the lower one where that alone does not decide. */
function searchArgument(graph: DecisionGraph, index: number, ranges: readonly Range<bigint>[]): Step {
  const merged = mergeRanges(ranges);
  const uppers = new Set([0n]);
  for (const { from } of merged) {
    uppers.add(from / WORD);
    if (from % WORD !== 0n) uppers.add(from / WORD + 1n);
  }
  uppers.delete(WORD);
  const sorted = [...uppers].sort((a, b) => (a < b ? -1 : 1));
  let first = 0;
  const found = sorted.map((upper) => {
    while (first + 1 < merged.length && (merged[first + 1]?.from ?? END) <= upper * WORD) first++;
    const to = searchLower(graph, index, upper, merged, first);
    return { from: Number(upper), to, weight: 1 };
  });
  return loadUnlessDecided(graph, argumentOffset(index, "upper"), found);
}

function searchLower(
  graph: DecisionGraph,
  index: number,
  upper: bigint,
  ranges: readonly Range<bigint>[],
  first: number,
): Step {
  const lower: Range[] = [];
  for (let at = first; at < ranges.length; at++) {
    const { from, to, weight } = ranges[at] as Range<bigint>;
    if (from >= (upper + 1n) * WORD) break;
    lower.push({ from: from <= upper * WORD ? 0 : Number(from % WORD), to, weight });
  }
  return loadUnlessDecided(graph, argumentOffset(index, "lower"), lower);
}

function loadUnlessDecided(graph: DecisionGraph, offset: number, ranges: readonly Range[]): Step {
  const merged = mergeRanges(ranges);
  const found = searchRanges(graph, merged);
  return merged.length === 1 ? found : graph.load(offset, found);
}

function decideByMask(graph: DecisionGraph, condition: Condition, yes: Step, no: Step): Step {
  const { index, value: mask, valueTwo = 0n } = condition;
  const wanted = mask & valueTwo;
  const upper = testWord(
    graph,
    argumentOffset(index, "upper"),
    Number(mask / WORD),
    Number(wanted / WORD),
    yes,
    no,
  );
  return testWord(
    graph,
    argumentOffset(index, "lower"),
    Number(mask % WORD),
    Number(wanted % WORD),
    upper,
    no,
  );
}

function testWord(
  graph: DecisionGraph,
  offset: number,
  mask: number,
  wanted: number,
  yes: Step,
  no: Step,
): Step {
  if (mask === 0) return yes;
  if (wanted === 0) return graph.load(offset, graph.test("any-bit", mask, no, yes));
  const equal = graph.test("equal", wanted, yes, no);
  return graph.load(offset, mask === 0xffff_ffff ? equal : graph.mask(mask, equal));
}
