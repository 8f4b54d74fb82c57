import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseContentRange, parseRange } from "./ranges.ts";

test("parseRange: one range of bytes, from the start or the end", () => {
  assert.deepEqual(parseRange("bytes=0-0", 10), { first: 0, last: 0 });
  assert.deepEqual(parseRange("bytes=3-", 10), { first: 3, last: 9 });
  assert.deepEqual(parseRange("bytes=3-99", 10), { first: 3, last: 9 });
  assert.deepEqual(parseRange("bytes=-3", 10), { first: 7, last: 9 });
  assert.deepEqual(parseRange("bytes=-99", 10), { first: 0, last: 9 });
});

test("parseRange: what begins behind the end cannot be, what makes no sense is the whole", () => {
  for (const header of ["bytes=10-", "bytes=10-11", "bytes=-0"])
    assert.equal(parseRange(header, 10), "unsatisfiable", header);
  assert.equal(parseRange("bytes=-1", 0), "unsatisfiable");
  for (const header of [
    undefined,
    "",
    "bytes=",
    "bytes=-",
    "bytes=2-1",
    "bytes=0-1,3-4",
    "lines=0-1",
    "bytes=0x1-2",
  ])
    assert.equal(parseRange(header, 10), "whole", String(header));
});

test("parseRange: whatever it is given, bytes that are there or none", () => {
  const number = fc.oneof(fc.nat(20), fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.constant(""));
  fc.assert(
    fc.property(number, number, fc.nat(20), (first, last, size) => {
      const range = parseRange(`bytes=${first}-${last}`, size);
      if (typeof range === "string") return;
      assert.ok(range.first >= 0 && range.first <= range.last && range.last < size);
    }),
  );
  fc.assert(
    fc.property(fc.string(), fc.nat(5), (text, size) => {
      parseRange(text, size);
      parseContentRange(text);
    }),
  );
});

test("parseContentRange: as the specification has it, and as others write it", () => {
  for (const header of ["5-9", "bytes 5-9/10", "bytes=5-9", "5-9/*"])
    assert.deepEqual(parseContentRange(header), { first: 5, last: 9 }, header);
  for (const header of ["", "5", "9-5", "-5", "5-", "a-b", "5-9999999999999999999", "bytes */5"])
    assert.equal(parseContentRange(header), undefined, header);
});
