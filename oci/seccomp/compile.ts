import { KILL_THREAD } from "./action.ts";
import { decideByArguments } from "./arguments.ts";
import { assemble } from "./assemble.ts";
import { ARCH_OFFSET, type Instruction, NUMBER_OFFSET } from "./bpf.ts";
import { auditArchOf, X32_BIT } from "./calling.ts";
import { DecisionGraph, type Step } from "./decision-graph.ts";
import { appendRange, type Range, searchRanges } from "./ranges.ts";
import type { AbiPolicy, Policy } from "./resolve.ts";

/**
 * The kernel remembers which calls a filter allows whatever their arguments and does not run it for them (since 5.11, and only
 * if all instructions on the way are ones it understands, as ours are). What does run it are calls whose arguments matter, so
 * these get the short ways. What is not native gets the long ones.
 */
const CHECKED_WEIGHT = 16;
const NATIVE_WEIGHT = 1;
const FOREIGN_WEIGHT = 0;

/**
 * Compiles a policy to a seccomp filter: first the architecture, then a search for the number, then what the arguments need.
 *
 * @throws {Fault} `invalid` if the program is longer than the kernel takes
 */
export function compilePolicy(policy: Policy): readonly Instruction[] {
  const graph = new DecisionGraph();
  const x32 = policy.abis.find(({ abi }) => abi === "x32");
  const decisions = policy.abis
    .filter((abi) => abi !== x32)
    .map((abi) => ({ arch: auditArchOf[abi.abi], step: decideByNumber(graph, policy, abi, x32) }));
  const byArch = decisions.reduceRight<Step>(
    (otherwise, { arch, step }) => graph.test("equal", arch, step, otherwise),
    graph.return(KILL_THREAD),
  );
  return assemble(graph.load(ARCH_OFFSET, byArch));
}

function decideByNumber(
  graph: DecisionGraph,
  policy: Policy,
  abi: AbiPolicy,
  x32: AbiPolicy | undefined,
): Step {
  const ranges = rangesOf(graph, policy, abi, abi === policy.abis[0] ? NATIVE_WEIGHT : FOREIGN_WEIGHT);
  if (abi.abi === "x86_64") ranges.push(...x32RangesOf(graph, policy, abi, x32));
  return graph.load(NUMBER_OFFSET, searchRanges(graph, ranges));
}

/** The upper half of x86-64's numbers but for the last, -1, which tracers set to have a call skipped. */
function x32RangesOf(
  graph: DecisionGraph,
  policy: Policy,
  native: AbiPolicy,
  x32: AbiPolicy | undefined,
): readonly Range[] {
  const killed = { from: 0, to: graph.return(KILL_THREAD), weight: FOREIGN_WEIGHT };
  const ranges = x32 === undefined ? [killed] : rangesOf(graph, policy, x32, FOREIGN_WEIGHT);
  return [
    ...ranges.map((range) => ({ ...range, from: range.from + X32_BIT })),
    { from: 0xffff_ffff, to: graph.return(native.beyond), weight: FOREIGN_WEIGHT },
  ];
}

function rangesOf(graph: DecisionGraph, policy: Policy, abi: AbiPolicy, weight: number): Range[] {
  const otherwise = graph.return(policy.defaultAction);
  const beyond = graph.return(abi.beyond);
  const ranges: Range[] = [];
  let next = 0;
  const fillTo = (number: number): void => {
    if (next <= abi.newest && next < number) appendRange(ranges, { from: next, to: otherwise, weight });
    const start = Math.max(next, abi.newest + 1);
    if (start < number) appendRange(ranges, { from: start, to: beyond, weight: FOREIGN_WEIGHT });
  };
  for (const number of Uint32Array.from(abi.clauses.keys()).sort()) {
    const clauses = abi.clauses.get(number) ?? [];
    const [first] = clauses;
    const to =
      first?.when.length === 0 ? graph.return(first.action) : decideByArguments(graph, clauses, otherwise);
    fillTo(number);
    appendRange(ranges, { from: number, to, weight: to.do === "return" ? weight : weight * CHECKED_WEIGHT });
    next = number + 1;
  }
  fillTo(Number.POSITIVE_INFINITY);
  return ranges;
}
