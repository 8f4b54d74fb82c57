import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatIndexes, parseIndexes } from "./indexes.ts";

test("formatIndexes: three or more in a row are a range", () => {
  assert.equal(formatIndexes([5, 1, 3, 4, 7, 8]), "1,3-5,7,8");
  assert.equal(formatIndexes([]), "");
});

test("parseIndexes: reads what formatIndexes writes", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(40)), (indexes) => {
      assert.deepEqual(parseIndexes(formatIndexes(indexes), 41), new Set(indexes.toSorted((a, b) => a - b)));
    }),
  );
});
