import assert from "node:assert/strict";
import { test } from "node:test";
import { expandVariables } from "./expand.ts";

const variables = new Map([
  ["A", "a"],
  ["B", "$(A)"],
  ["EMPTY", ""],
]);

const cases: readonly (readonly [string, string])[] = [
  ["$(A)", "a"],
  ["x$(A)y$(A)", "xaya"],
  ["$$(A)", "$(A)"],
  ["$$$(A)", "$a"],
  ["$$$$(A)", "$$(A)"],
  ["$(B)", "$(A)"],
  ["$(NONE)", "$(NONE)"],
  ["$(EMPTY)", ""],
  ["$A", "$A"],
  ["$(A", "$(A"],
  ["$", "$"],
  ["$()", "$()"],
  ["$(A)$", "a$"],
];

for (const [text, expanded] of cases) {
  test(`expandVariables: ${text} becomes ${expanded === "" ? "nothing" : expanded}`, () => {
    assert.equal(expandVariables(text, variables), expanded);
  });
}
