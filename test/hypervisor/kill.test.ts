import assert from "node:assert/strict";
import { test } from "node:test";
import { hypervisorKillLoop } from "./kill-loop.ts";

// The short form of kill-many.ts.

test("a daemon that is killed at any moment loses no machine, no disk and no task", async () => {
  const report = await hypervisorKillLoop({ kills: 10, workers: 2 });
  assert.deepEqual(report.violations, []);
  assert.ok(report.acknowledged > 10, `only ${report.acknowledged} changes were acknowledged`);
});
