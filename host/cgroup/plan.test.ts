import assert from "node:assert/strict";
import { test } from "node:test";
import type { LegacyLayout } from "./layout.ts";
import { planCgroup } from "./plan.ts";

const layout: LegacyLayout = {
  kind: "hybrid",
  controllers: {
    cpu: "/c",
    cpuacct: "/c",
    cpuset: "/s",
    memory: "/m",
    devices: "/d",
    blkio: "/b",
    pids: "/p",
    freezer: "/f",
  },
  unified: "/u",
};
const lines = (plan: ReturnType<typeof planCgroup>) =>
  plan.writes.map(({ file, value }) => `${file} = ${value}`);

test("planCgroup: a folder in every hierarchy, and a file to join each", () => {
  const plan = planCgroup(layout, "/g/1", { devices: [] });

  assert.deepEqual(plan, {
    directories: ["/m/g/1", "/c/g/1", "/s/g/1", "/d/g/1", "/b/g/1", "/p/g/1", "/u/g/1"],
    cpusetDirectory: "/s/g/1",
    writes: [],
    processFiles: ["/m", "/c", "/s", "/d", "/b", "/p", "/u"].map((root) => `${root}/g/1/cgroup.procs`),
  });
});

test("planCgroup: limits in an order that the kernel takes", () => {
  const plan = planCgroup(layout, "/g", {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", access: "m" },
      { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
    ],
    memory: { limit: 100, swap: -1, reservation: 50, swappiness: 0, disableOOMKiller: true },
    cpu: { shares: 2, quota: 5, period: 10, realtimePeriod: 3, realtimeRuntime: 2, cpus: "0", mems: "0" },
    pids: { limit: 9 },
    blockIO: {
      weight: 10,
      weightDevice: [{ major: 8, minor: 0, weight: 20 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 1, rate: 2 }],
    },
  });

  assert.deepEqual(lines(plan), [
    "/d/g/devices.deny = a",
    "/d/g/devices.allow = c *:* m",
    "/d/g/devices.allow = c 1:3 rwm",
    "/m/g/memory.limit_in_bytes = 100",
    "/m/g/memory.memsw.limit_in_bytes = -1",
    "/m/g/memory.soft_limit_in_bytes = 50",
    "/m/g/memory.swappiness = 0",
    "/m/g/memory.oom_control = 1",
    "/c/g/cpu.shares = 2",
    "/c/g/cpu.cfs_period_us = 10",
    "/c/g/cpu.cfs_quota_us = 5",
    "/c/g/cpu.rt_period_us = 3",
    "/c/g/cpu.rt_runtime_us = 2",
    "/s/g/cpuset.cpus = 0",
    "/s/g/cpuset.mems = 0",
    "/p/g/pids.max = 9",
    "/b/g/blkio.weight = 10",
    "/b/g/blkio.weight_device = 8:0 20",
    "/b/g/blkio.throttle.read_bps_device = 8:0 1",
    "/b/g/blkio.throttle.write_iops_device = 8:1 2",
  ]);
  assert.equal(
    plan.writes.find((write) => write.file.endsWith("weight"))?.otherwise,
    "/b/g/blkio.bfq.weight",
  );
});

test("planCgroup: what the machine has no controller for is left out", () => {
  const plan = planCgroup({ kind: "v1", controllers: { pids: "/p" } }, "/g", {
    devices: [{ allow: false, access: "rwm" }],
    memory: { limit: 1 },
    pids: { limit: -1 },
  });

  assert.deepEqual(plan.directories, ["/p/g"]);
  assert.deepEqual(lines(plan), ["/p/g/pids.max = max"]);
});
