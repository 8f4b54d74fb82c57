import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { Spawner } from "./spawner.ts";

const binary = join(import.meta.dirname, "../../native/build/gantry-shim");

test("a folder has one spawner at a time: the next waits until the earlier one is gone, and does nothing before", async () => {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "gantry-spawner-"));
  undo.defer(() => rmdirSync(folder));
  const open = () => new Spawner(binary, { runtime: "/usr/bin/crun", folder }, silentLog);
  const order: string[] = [];
  const earlier = open();
  await earlier.alone();
  const later = undo.use(open());
  const isAlone = later.alone().then(() => void order.push("the later one is alone"));
  // Many turns of the earlier one's, in which the later one would have answered.
  for (let turn = 0; turn < 200; turn++) await earlier.release(await earlier.createSandbox(undefined));
  order.push("the earlier one ends");
  await earlier[Symbol.asyncDispose]();
  await isAlone;
  assert.deepEqual(order, ["the earlier one ends", "the later one is alone"]);
});
