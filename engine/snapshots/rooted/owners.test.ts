import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { keptCapability, ownersOf, shownCapability } from "./owners.ts";

const owners = ownersOf({ base: 200_000, size: 65_536 });

test("ownersOf: IDs of the namespace on disk, others as nobody's", () => {
  assert.equal(owners.kept(0), 200_000);
  assert.equal(owners.shown(265_535), 65_535);
  assert.equal(owners.shown(265_536), 65_534);
  assert.equal(owners.shown(0), 65_534);
  assert.throws(
    () => owners.kept(65_536),
    (error) => isFault(error, "invalid"),
  );
  assert.equal(ownersOf(undefined).kept(4_000_000_000), 4_000_000_000);
});

test("file capabilities say whose they are on disk only", () => {
  const plain = Buffer.from("0100000200040000000000000000000000000000", "hex");
  const kept = keptCapability(plain, owners);
  assert.equal(Buffer.from(kept).toString("hex"), "0100000300040000000000000000000000000000400d0300");
  assert.deepEqual(shownCapability(Buffer.from(kept), owners), plain);
  assert.deepEqual(keptCapability(plain, ownersOf(undefined)), plain);
  assert.deepEqual(shownCapability(Buffer.from(kept), ownersOf(undefined)), Buffer.from(kept));
});
