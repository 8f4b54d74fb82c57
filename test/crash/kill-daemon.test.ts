import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { killLoop } from "./kill-loop.ts";

// The short form of kill-many.ts; that nothing is left behind is what the engine's disposal asserts.

test("10 kills under load: what was acknowledged is so, what ran works, recovery takes less than half a second", async () => {
  const report = await killLoop({ kills: 10, workers: 3, mostRequests: 30, sleepers: 10 });
  assert.deepEqual(report.violations, []);
  assert.ok(report.acknowledged > 50, `only ${report.acknowledged} requests were acknowledged`);
  const limitMs = Math.max(500, 20 * emptyStartMs());
  assert.ok((report.recoveryMs[5] ?? Infinity) < limitMs, `${report.recoveryMs.join()}, limit ${limitMs}`);
});

test("10 kills during a load: the image is there and runs, or nothing of it is there", async () => {
  await using engine = await EngineUnderTest.start("10.222.0.1/16");
  const begin = performance.now();
  await loadBusybox(engine, "timed:latest");
  const loadMs = performance.now() - begin;
  await engine.docker("rmi", "timed");
  await untilClean(engine);
  for (let kill = 0; kill < 10; kill++) {
    const loading = loadBusybox(engine, "killed:latest").catch(() => undefined);
    await delay(Math.random() * loadMs);
    await engine.stop("SIGKILL");
    await loading;
    await engine.up();
    assert.deepEqual(list(engine, "ingest"), []);
    if ((await engine.docker("images", "-q", "killed")).stdout !== "") {
      assert.equal((await engine.docker("run", "--rm", "killed", "echo", "whole")).stdout, "whole\n");
      assert.equal((await engine.docker("rmi", "killed")).code, 0);
    }
    await untilClean(engine);
  }
  await loadBusybox(engine, "killed:latest");
  assert.equal((await engine.docker("run", "--rm", "killed", "echo", "whole")).stdout, "whole\n");
});

/** How long Node takes to do nothing: 35 ms, more while other tests have the machine. */
function emptyStartMs(): number {
  const times = Array.from({ length: 5 }, () => {
    const begin = performance.now();
    execFileSync(process.execPath, ["--eval", ""]);
    return performance.now() - begin;
  });
  return times.sort((a, b) => a - b)[2] ?? 0;
}

/** What no image needs is collected after the first answers. */
async function untilClean(engine: EngineUnderTest): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const found = [
      ...list(engine, "snapshots").filter((name) => name !== "empty"),
      ...list(engine, "blobs/sha256"),
      ...list(engine, "ingest"),
    ];
    if (found.length === 0) return;
    if (performance.now() > deadline) assert.deepEqual(found, []);
    await delay(20);
  }
}

function list(engine: EngineUnderTest, folder: string): readonly string[] {
  return readdirSync(join(engine.root, folder));
}
