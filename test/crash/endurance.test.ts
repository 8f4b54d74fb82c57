import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assertNoLeaks, newTraces, openDescriptors, takeTraces } from "../../tools/leaks.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { lives } from "./lives.ts";
import { Model } from "./model.ts";
import { removeEverything } from "./remove-everything.ts";
import { Residents } from "./residents.ts";
import { Worker } from "./worker.ts";

test("after many lives with every feature nothing is kept that was not there after the first ones", async () => {
  await using engine = await EngineUnderTest.start("10.213.0.1/16");
  await loadBusybox(engine);
  await live(engine, "a", 1);
  const traces = await takeTraces(engine.places);
  const descriptors = openDescriptors(engine.pid);
  await live(engine, "b", 6);
  await assertNoLeaks(traces, engine.places);
  const kept = newTraces(descriptors, openDescriptors(engine.pid));
  assert.deepEqual(kept, []);
  const residentMiB =
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${engine.pid}/status`, "utf8"))?.[1]) / 1024;
  assert.ok(residentMiB < 150, `${residentMiB} MiB`);
});

/** Every life so often, side by side, and then nothing of it is left. */
async function live(engine: EngineUnderTest, prefix: string, rounds: number): Promise<void> {
  const model = new Model();
  const residents = await Residents.settle(engine);
  const workers = lives.map(
    (life, i) => new Worker(engine, model, [life], { prefix: `${prefix}${i}n`, first: 0 }),
  );
  await Promise.all(workers.map((worker) => worker.run(rounds)));
  await residents.check();
  await model.check(engine);
  await residents[Symbol.asyncDispose]();
  await removeEverything(engine);
  assert.deepEqual([...model.violations, ...residents.violations], []);
}
