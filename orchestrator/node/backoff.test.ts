import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

test("Backoff: the first attempt waits for nothing, the following ones for 10, 20, 40 … 300 seconds", () => {
  let now = 1_000_000;
  const backoff = new Backoff(10_000, 300_000, () => now);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    const wait = backoff.remainingMs("pod/a", now);
    waits.push(wait / 1000);
    now += wait;
    backoff.next("pod/a", now);
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
});

test("Backoff: what ran for ten minutes starts anew", () => {
  let now = 1_000_000;
  const backoff = new Backoff(10_000, 300_000, () => now);
  backoff.next("a", now);
  backoff.next("a", now);
  now += 601_000;
  assert.equal(backoff.remainingMs("a", now), 0);
  backoff.next("a", now);
  assert.equal(backoff.delayMs("a"), 10_000);
});

test("Backoff: forgetting a prefix leaves the others", () => {
  const backoff = new Backoff(10_000, 300_000, () => 0);
  backoff.next("pod1/a", 0);
  backoff.next("pod2/a", 0);
  backoff.forget("pod1/");
  assert.equal(backoff.delayMs("pod1/a"), 0);
  assert.equal(backoff.delayMs("pod2/a"), 10_000);
});
