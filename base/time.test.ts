import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatTime, isEarlier, parseTime } from "./time.ts";

test("isEarlier: orders texts as their times, whatever digits these have", () => {
  const nanoseconds = fc.bigInt({ min: 1_700_000_000_000_000_000n, max: 1_700_000_001_000_000_000n });
  const times = fc.oneof(
    nanoseconds,
    nanoseconds.map((time) => (time / 10_000_000n) * 10_000_000n),
  );
  fc.assert(
    fc.property(times, times, (one, other) => {
      assert.equal(parseTime(formatTime(one)), one);
      assert.equal(isEarlier(formatTime(one), formatTime(other)), one < other);
    }),
  );
});
