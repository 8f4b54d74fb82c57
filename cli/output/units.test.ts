import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBytes, formatElapsed, formatSpan } from "./units.ts";

test("formatBytes: shows three significant digits in powers of 1000, as docker images does", () => {
  assert.equal(formatBytes(0), "0B");
  assert.equal(formatBytes(999), "999B");
  assert.equal(formatBytes(1000), "1kB");
  assert.equal(formatBytes(999_999), "1MB");
  assert.equal(formatBytes(4_261_502), "4.26MB");
  assert.equal(formatBytes(124_000_000), "124MB");
});

test("formatSpan: names the largest whole unit", () => {
  assert.equal(formatSpan(999), "less than a second");
  assert.equal(formatSpan(1000), "1 second");
  assert.equal(formatSpan(59 * 60_000), "59 minutes");
  assert.equal(formatSpan(15 * 86_400_000), "2 weeks");
  assert.equal(formatSpan(800 * 86_400_000), "2 years");
});

test("formatElapsed: turns to seconds at one", () => {
  assert.equal(formatElapsed(86.6), "87 ms");
  assert.equal(formatElapsed(1449), "1.4 s");
});
