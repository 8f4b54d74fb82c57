import assert from "node:assert/strict";
import { test } from "node:test";
import { humanDuration } from "./human-duration.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test("humanDuration: the words on both sides of every boundary", () => {
  const cases: readonly (readonly [number, string])[] = [
    [-5 * second, "Less than a second"],
    [0, "Less than a second"],
    [second - 1, "Less than a second"],
    [second, "1 second"],
    [2 * second - 1, "1 second"],
    [2 * second, "2 seconds"],
    [minute - 1, "59 seconds"],
    [minute, "About a minute"],
    [2 * minute - 1, "About a minute"],
    [2 * minute, "2 minutes"],
    [hour - 1, "59 minutes"],
    [hour, "About an hour"],
    [1.5 * hour - 1, "About an hour"],
    [1.5 * hour, "2 hours"],
    [47.5 * hour - 1, "47 hours"],
    [47.5 * hour, "2 days"],
    [14 * day - 0.5 * hour - 1, "13 days"],
    [14 * day, "2 weeks"],
    [60 * day - 0.5 * hour - 1, "8 weeks"],
    [60 * day, "2 months"],
    [2 * 365 * day - 0.5 * hour - 1, "24 months"],
    [2 * 365 * day, "2 years"],
    [10 * 365 * day, "10 years"],
  ];
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text, `${ms} ms`);
});
