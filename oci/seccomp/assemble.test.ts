import assert from "node:assert/strict";
import { test } from "node:test";
import { assemble } from "./assemble.ts";
import { ARCH_OFFSET, decodeProgram, encodeProgram, NUMBER_OFFSET } from "./bpf.ts";
import { DecisionGraph, type Step } from "./decision-graph.ts";
import { interpretProgram } from "./interpret.ts";

const call = (number: number) => ({ arch: 0, number, args: [] });

test("assemble: both branches of a test are reached at every distance around the longest jump", () => {
  for (let between = 240; between < 270; between++) {
    const graph = new DecisionGraph();
    const no = graph.load(ARCH_OFFSET, graph.return(1));
    const yes = graph.load(ARCH_OFFSET, graph.return(2));
    let filler: Step = graph.return(3);
    for (let count = 0; count < between; count++) filler = graph.load(ARCH_OFFSET, filler);
    const tested = graph.test("equal", 7, yes, no);
    const root = graph.load(NUMBER_OFFSET, graph.test("equal", 9, filler, tested));

    const program = decodeProgram(encodeProgram(assemble(root)));

    const actions = [7, 8, 9].map((number) => interpretProgram(program, call(number)).action);
    assert.deepEqual(actions, [2, 1, 3], `${between} instructions between`);
  }
});

test("assemble: equal branches are written once", () => {
  const graph = new DecisionGraph();
  const branch = () => graph.load(ARCH_OFFSET, graph.test("any-bit", 1, graph.return(1), graph.return(2)));
  const root = graph.load(
    NUMBER_OFFSET,
    graph.test("equal", 7, branch(), graph.test("equal", 8, branch(), graph.return(3))),
  );
  assert.equal(assemble(root).length, 8);
});
