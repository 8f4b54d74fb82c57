import assert from "node:assert/strict";
import { test } from "node:test";
import { remembered } from "./remembered.ts";

test("remembered: makes each once, and all anew when there were too many", () => {
  const made: string[] = [];
  const upper = remembered(2, (text) => {
    made.push(text);
    return text.toUpperCase();
  });
  assert.deepEqual(["a", "a", "b", "a", "c", "c", "a"].map(upper), ["A", "A", "B", "A", "C", "C", "A"]);
  assert.deepEqual(made, ["a", "b", "c", "a"]);
});

test("remembered: what throws is tried again", () => {
  let calls = 0;
  const never = remembered(2, () => {
    calls++;
    throw new RangeError("no");
  });
  assert.throws(() => never("a"), RangeError);
  assert.throws(() => never("a"), RangeError);
  assert.equal(calls, 2);
});
