import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { IdRanges } from "./id-ranges.ts";

test("IdRanges: no two containers have the same range, wherever the search begins", () => {
  const ranges = new IdRanges(4093);
  const bases = new Set(Array.from({ length: 4094 }, (_, index) => ranges.allocate(`c${index}`).base));
  assert.equal(bases.size, 4094);
  assert.ok([...bases].every((base) => base >= 0x7000_0000 && base + 0x1_0000 <= 0x7ffe_0000));
  assert.throws(
    () => ranges.allocate("one more"),
    (error) => isFault(error, "exhausted"),
  );
});

test("IdRanges: a range is free when the last of those that share it is gone, and is not taken again at once", () => {
  const ranges = new IdRanges(0);
  const first = ranges.allocate("a");
  ranges.adopt("b", first);
  ranges.release("a", first);
  ranges.release("a", first);
  const bases = Array.from({ length: 4093 }, (_, index) => ranges.allocate(`c${index}`).base);
  assert.ok(!bases.includes(first.base));
  ranges.release("b", first);
  assert.equal(ranges.allocate("d").base, first.base);
});
