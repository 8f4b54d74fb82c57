import assert from "node:assert/strict";
import { test } from "node:test";
import { longestRun, planMerges } from "./plan-merges.ts";

/** A chain, the lowest first. */
function chain(count: number, prefix = "l") {
  return Array.from({ length: count }, (_, i) => ({
    uuid: `${prefix}${i}`,
    capacityBytes: 1,
    ...(i > 0 && { parent: `${prefix}${i - 1}` }),
  }));
}

test("planMerges: what only the next one needs goes into the uppermost still one", () => {
  const layers = chain(longestRun + 2);
  const top = `l${longestRun + 1}`;
  const [merge, ...others] = planMerges(layers, new Set([top]), new Set([top]));
  assert.deepEqual(others, []);
  assert.deepEqual(
    [merge?.layer, merge?.onto, merge?.through.length],
    [`l${longestRun}`, undefined, longestRun],
  );
  assert.deepEqual(planMerges(chain(longestRun + 1), new Set(["l8"]), new Set(["l8"])), []);
});

test("planMerges: what a snapshot holds stays, and so does what two stand on", () => {
  const layers = [...chain(30), { uuid: "other", capacityBytes: 1, parent: "l5" }];
  const merges = planMerges(layers, new Set(["l29", "l16", "other"]), new Set(["l29", "other"]));
  assert.deepEqual(
    merges.map(({ layer, onto, through }) => [layer, onto, through.length]),
    [
      ["l16", "l5", 10],
      ["l28", "l16", 11],
    ],
  );
});
