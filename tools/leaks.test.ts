import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assertNoLeaks, type InstancePlaces, newTraces, takeTraces } from "./leaks.ts";

function openPlaces(t: { after(work: () => void): void }): InstancePlaces {
  const folder = mkdtempSync(join(tmpdir(), "gantry-leaks-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [root, run] = [join(folder, "root"), join(folder, "run")];
  mkdirSync(root);
  mkdirSync(run);
  return {
    root,
    run,
    bridge: "gantry-no",
    nftTable: "gantry-no",
    vethPrefix: "gantryno",
    cgroup: "gantry-no",
  };
}

test("newTraces: counts equal lines", () => {
  assert.deepEqual(newTraces(["a", "b"], ["a", "a", "b", "c"]), ["a", "c"]);
  assert.deepEqual(newTraces(["a", "a"], ["a"]), []);
});

test("takeTraces: nothing is found of an instance that never ran", async (t) => {
  assert.deepEqual(await takeTraces(openPlaces(t)), []);
});

test("assertNoLeaks: names a process and a file, and is content when they are gone", async (t) => {
  const places = openPlaces(t);
  const before = await takeTraces(places);
  const child = spawn("sleep", ["60"], { cwd: places.run });
  await once(child, "spawn");
  writeFileSync(join(places.root, "forgotten"), "");
  await assert.rejects(
    assertNoLeaks(before, places, { withinMs: 0 }),
    new Error(`leaked:\nfile ${places.root}/forgotten\nprocess sleep: sleep 60`),
  );
  await assertNoLeaks(before, places, { withinMs: 0, ignore: /^(file|process)/ });
  child.kill();
  await once(child, "exit");
  rmSync(join(places.root, "forgotten"));
  await assertNoLeaks(before, places, { withinMs: 1000 });
});
