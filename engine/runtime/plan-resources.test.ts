import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig } from "#api/docker/container.ts";
import { parseDeviceRule, planResources } from "./plan-resources.ts";
import { sampleHostConfig } from "./sample.contract.ts";

const plan = (changes: Partial<HostConfig>, numbers = {}) =>
  planResources({ ...sampleHostConfig, ...changes }, { nodes: [], numbers });

test("planResources: a default container has rules for devices and no limits", () => {
  const { devices, ...limits } = plan({});

  assert.deepEqual(limits, {});
  assert.deepEqual(devices[0], { allow: false, access: "rwm" });
  assert.ok(!devices.some((rule) => rule.type === "b" && rule.access !== "m"));
});

test("planResources: privileged may use every device", () => {
  assert.deepEqual(plan({ Privileged: true }).devices, [{ allow: true, access: "rwm" }]);
});

test("planResources: devices and rules that were asked for come last", () => {
  const node = {
    path: "/dev/x",
    hostPath: "/dev/x",
    type: "b",
    major: 8,
    minor: 1,
    fileMode: 0o600,
    uid: 0,
    gid: 0,
    access: "r",
  } as const;

  const { devices } = planResources(
    { ...sampleHostConfig, DeviceCgroupRules: ["c 10:* rw"] },
    { nodes: [node], numbers: {} },
  );

  assert.deepEqual(devices.slice(-2), [
    { allow: true, type: "b", major: 8, minor: 1, access: "r" },
    { allow: true, type: "c", major: 10, access: "rw" },
  ]);
});

test("planResources: limits become the OCI spec's", () => {
  const { devices: _devices, ...limits } = plan(
    {
      Memory: 100,
      MemorySwap: 200,
      MemoryReservation: 50,
      MemorySwappiness: 0,
      OomKillDisable: true,
      NanoCpus: 1.5e9,
      CpuShares: 512,
      CpusetCpus: "0",
      PidsLimit: 0,
      BlkioWeight: 300,
      BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1000 }],
    },
    { "/dev/sda": { major: 8, minor: 0 } },
  );

  assert.deepEqual(limits, {
    memory: { limit: 100, reservation: 50, swap: 200, swappiness: 0, disableOOMKiller: true },
    cpu: { shares: 512, period: 100_000, quota: 150_000, cpus: "0" },
    pids: { limit: -1 },
    blockIO: { weight: 300, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }] },
  });
});

test("parseDeviceRule: takes Docker's form and nothing else", () => {
  assert.deepEqual(parseDeviceRule("a *:* rwm"), { allow: true, type: "a", access: "rwm" });
  assert.deepEqual(parseDeviceRule("b 8:* r"), { allow: true, type: "b", major: 8, access: "r" });
  for (const text of [
    "",
    "c 1:3",
    "c 1:3 x",
    "d 1:3 r",
    "c 1:3 rwmr",
    "c -1:3 r",
    "c 1:3 r\n",
    "c 1:3 r c",
  ]) {
    assert.throws(() => parseDeviceRule(text), /invalid device cgroup rule format/);
  }
});
