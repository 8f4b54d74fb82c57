import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatTime, parseTime, timeLength } from "./log-time.ts";

const second = 1_000_000_000n;

test("formatTime: parseTime reads it back, to the nanosecond", () => {
  fc.assert(
    fc.property(fc.bigInt(-62_135_596_800n * second, 253_402_300_799n * second), (time) => {
      const text = formatTime(time);
      assert.equal(text.length, timeLength);
      assert.equal(parseTime(text), time);
    }),
  );
});

test("formatTime: later times are greater texts, and times beyond the calendar are clamped", () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 70n), 2n ** 70n), fc.bigInt(-(2n ** 70n), 2n ** 70n), (a, b) => {
      if (a < b) assert.ok(formatTime(a) <= formatTime(b));
    }),
  );
  assert.equal(formatTime(-(2n ** 80n)), "0001-01-01T00:00:00.000000000Z");
  assert.equal(formatTime(2n ** 80n), "9999-12-31T23:59:59.999999999Z");
});

test("parseTime: takes any fraction and offset, and nothing else", () => {
  assert.equal(parseTime("1970-01-01T00:00:01.5Z"), 1_500_000_000n);
  assert.equal(parseTime("1970-01-01T02:00:00+02:00"), 0n);
  assert.equal(parseTime("1969-12-31T22:30:00.000000001-01:30"), 1n);
  for (const text of [
    "",
    "1970-01-01",
    "1970-01-01T00:00:00",
    "1970-13-01T00:00:00Z",
    "1970-01-01T00:00:00.Z",
  ])
    assert.equal(parseTime(text), undefined, text);
});
