import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseNumberList } from "./number-list.ts";

test("parseNumberList: numbers and ranges, ascending and once", () => {
  assert.deepEqual(parseNumberList("3,0-2,1\n"), [0, 1, 2, 3]);
  assert.deepEqual(parseNumberList(""), []);
});

test("parseNumberList: refuses anything else, also what would be a very long list", () => {
  for (const text of ["x", "1,", "-1", "2-1", "0-99999", "1-2-3", "1;2", " 1 2"]) {
    assert.throws(
      () => parseNumberList(text),
      (error) => isFault(error, "invalid"),
      text,
    );
  }
});

test("parseNumberList: any text is a list or invalid", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0123456789-, ".split("")) }), (text) => {
      try {
        assert.ok(parseNumberList(text).every((number) => number >= 0 && number < 8192));
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
    }),
  );
});
