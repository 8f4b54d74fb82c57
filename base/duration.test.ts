import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

test("formatDuration: as Go writes it", () => {
  const texts = { 0: "0s", 700: "700ms", 1000: "1s", 1500: "1.5s", 90_000: "1m30s", 3_600_000: "1h0m0s" };
  for (const [ms, text] of Object.entries(texts)) assert.equal(formatDuration(Number(ms) * 1e6), text);
  assert.deepEqual([formatDuration(1500), formatDuration(1)], ["1.5µs", "1ns"]);
});

test("parseDuration: Go's lengths of time", () => {
  assert.equal(parseDuration("1m30.5s"), 90.5e9);
  assert.equal(parseDuration("-2h"), -7200e9);
  assert.throws(() => parseDuration("5"), { kind: "invalid", message: 'time: missing unit in duration "5"' });
  assert.throws(() => parseDuration("x"), { kind: "invalid", message: 'time: invalid duration "x"' });
  assert.throws(() => parseDuration("1d"), /unknown unit "d" in duration "1d"/);
  assert.equal(parseDuration("1d", { d: 86_400e9 }), 86_400e9);
});

test("formatDuration, parseDuration: what was written is read", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (nanoseconds) => {
      assert.equal(parseDuration(formatDuration(nanoseconds)), nanoseconds);
    }),
  );
});
