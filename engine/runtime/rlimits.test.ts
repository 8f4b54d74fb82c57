import assert from "node:assert/strict";
import { test } from "node:test";
import { planRlimits } from "./rlimits.ts";

const host = {
  hardLimits: { RLIMIT_NOFILE: 1000, RLIMIT_CORE: Number.POSITIVE_INFINITY },
  canRaiseLimits: false,
};

test("planRlimits: nothing is set that was not asked for", () => {
  assert.deepEqual(planRlimits([], host), { rlimits: [], warnings: [] });
});

test("planRlimits: limits that the daemon may not raise are lowered with a warning", () => {
  const asked = [
    { Name: "nofile", Soft: 500, Hard: 2000 },
    { Name: "core", Soft: 0, Hard: -1 },
  ];

  const planned = planRlimits(asked, host);

  assert.deepEqual(planned.rlimits, [
    { type: "RLIMIT_NOFILE", soft: 500, hard: 1000 },
    { type: "RLIMIT_CORE", soft: 0, hard: -1 },
  ]);
  assert.deepEqual(planned.warnings, [
    "The ulimit nofile was lowered to 1000: the daemon may not set a higher one.",
  ]);
  assert.deepEqual(planRlimits(asked, { ...host, canRaiseLimits: true }).warnings, []);
});

test("planRlimits: what makes no sense is refused", () => {
  const plan = (Name: string, Soft: number, Hard: number) => () => planRlimits([{ Name, Soft, Hard }], host);

  assert.throws(plan("nofiles", 1, 1), /^Fault: invalid ulimit type: nofiles$/);
  assert.throws(plan("nofile", 3, 2), /soft limit must be less than or equal to hard limit: 3 > 2/);
  assert.throws(plan("nofile", -1, 2), /soft: -1 \(unlimited\), hard: 2/);
  for (const bad of [1.5, -2, Number.NaN, 2 ** 60])
    assert.throws(plan("nofile", bad, bad), /invalid ulimit argument/);
});
