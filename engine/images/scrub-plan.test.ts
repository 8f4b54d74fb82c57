import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDigest } from "#oci/digest.ts";
import { dueLooks, mayWait, pauseUntilNext, pauseWhileBusy } from "./scrub-plan.ts";

const day = 86_400_000;
const week = 7 * day;
const look = (name: string, at: number) => ({ imageId: parseDigest(`sha256:${name.repeat(64)}`), at });

test("dueLooks: those whose week is over, the longest waiting first", () => {
  const looks = [look("a", 3 * day), look("b", day), look("c", 2 * day)];
  assert.deepEqual(dueLooks(looks, week, 9 * day), [looks[1], looks[2]]);
});

test("pauseUntilNext: the first that is due, and never closer than a day to the last pass", () => {
  const looks = [look("a", 3 * day), look("b", day)];
  assert.equal(pauseUntilNext(looks, { intervalMs: week, hasPassed: false }, 4 * day), 4 * day);
  assert.equal(pauseUntilNext(looks, { intervalMs: week, hasPassed: false }, 30 * day), 0);
  assert.equal(pauseUntilNext(looks, { intervalMs: week, hasPassed: true }, 30 * day), day);
  assert.equal(pauseUntilNext([], { intervalMs: week, hasPassed: false }, 30 * day), week);
});

test("mayWait: a busy machine puts a look off, for as long again at most", () => {
  assert.equal(mayWait(look("a", 0), week, 13 * day), true);
  assert.equal(mayWait(look("a", 0), week, 14 * day), false);
  assert.equal(pauseWhileBusy(week), 5 * 3_600_000);
});
