import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { freeAddress, isInPool, parseLbPool } from "./lb-pool.ts";

test("parseLbPool: a prefix, a range, one address", () => {
  assert.equal(freeAddress(parseLbPool("192.0.2.66/28"), new Set(["192.0.2.64"])), "192.0.2.65");
  assert.equal(parseLbPool("192.0.2.10-192.0.2.12").size, 3);
  assert.equal(freeAddress(parseLbPool("192.0.2.10"), new Set(["192.0.2.10"])), undefined);
  assert.ok(isInPool(parseLbPool("192.0.2.10-192.0.2.12"), "192.0.2.12"));
  assert.ok(!isInPool(parseLbPool("192.0.2.10-192.0.2.12"), "192.0.2.13"));
  assert.ok(!isInPool(parseLbPool("192.0.2.10"), "fd00::1"));
});

test("parseLbPool: anything else is refused", () => {
  for (const text of [
    "",
    "192.0.2",
    "192.0.2.0/33",
    "192.0.2.9-192.0.2.1",
    "10.0.0.0/8",
    "300.0.0.1",
    "fd00::/64",
  ])
    assert.throws(
      () => parseLbPool(text),
      (error) => isFault(error, "invalid"),
      text,
    );
});
