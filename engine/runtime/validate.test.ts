import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig } from "#api/docker/container.ts";
import { isFault } from "#base/fault.ts";
import type { HostFacts } from "#host/facts.ts";
import { sampleConfig, sampleHost, sampleHostConfig } from "./sample.contract.ts";
import { validateHostConfig } from "./validate.ts";

const MB = 1024 * 1024;
const validate = (changes: Partial<HostConfig>, host: HostFacts = sampleHost) =>
  validateHostConfig(sampleConfig, { ...sampleHostConfig, ...changes }, host);
const without = (changes: Partial<HostFacts["limits"]>): HostFacts => ({
  ...sampleHost,
  limits: { ...sampleHost.limits, ...changes },
});

test("validateHostConfig: a default container passes untouched", () => {
  assert.deepEqual(validate({}), { hostConfig: sampleHostConfig, warnings: [] });
});

test("validateHostConfig: refuses what makes no sense, in Docker's words", () => {
  const refused: readonly (readonly [Partial<HostConfig>, string])[] = [
    [{ Memory: 5 * MB }, "Minimum memory limit allowed is 6MB"],
    [
      { Memory: 10 * MB, MemorySwap: 9 * MB },
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    ],
    [{ MemorySwap: 9 * MB }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
    [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
    [{ MemoryReservation: MB }, "Minimum memory reservation allowed is 6MB"],
    [
      { Memory: 10 * MB, MemorySwap: -1, MemoryReservation: 11 * MB },
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    [{ NanoCpus: 3e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
    [{ NanoCpus: 1e9, CpuQuota: 5000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    [{ NanoCpus: 1e9, CpuPeriod: 5000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
    [
      { CpuPeriod: 1 },
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ],
    [{ CpuQuota: 1 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ CpuShares: -1 }, "invalid CPU shares (-1): value must be a positive integer"],
    [{ CpusetCpus: "0-7" }, "Requested CPUs are not available - requested 0-7, available: 0-1"],
    [{ CpusetCpus: "x" }, "Invalid value x for cpuset cpus: invalid format: x"],
    [{ CpusetMems: "1" }, "Requested memory nodes are not available - requested 1, available: 0"],
    [{ BlkioWeight: 5 }, "Range of blkio weight is from 10 to 1000"],
    [
      { IOMaximumIOps: 1 },
      "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps",
    ],
    [{ IpcMode: "x" }, "invalid IPC mode: x"],
    [{ PidMode: "container:" }, "invalid PID mode: container:"],
    [{ UTSMode: "private" }, "invalid UTS mode: private"],
    [{ CgroupnsMode: "x" }, "invalid cgroup namespace mode: x"],
    [{ ShmSize: -1 }, "SHM size can not be less than 0"],
    [{ OomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
    [{ DeviceCgroupRules: ["c 1:3"] }, "invalid device cgroup rule format: 'c 1:3'"],
    [{ SecurityOpt: ["x"] }, 'invalid --security-opt 1: "x"'],
    [{ CapAdd: ["x"] }, 'invalid CapAdd: unknown capability: "CAP_X"'],
  ];
  for (const [changes, message] of refused) {
    assert.throws(
      () => validate(changes),
      (error) => isFault(error, "invalid") && error.message === message,
      message,
    );
  }
});

test("validateHostConfig: refuses host names that the kernel would cut", () => {
  const config = { ...sampleConfig, Hostname: "é".repeat(33) };

  assert.throws(
    () => validateHostConfig(config, sampleHostConfig, sampleHost),
    /is too long \(maximum 64 bytes\)/,
  );
});

test("validateHostConfig: what the kernel lacks is discarded with a warning", () => {
  const swapless = validate({ Memory: 10 * MB, MemorySwap: 20 * MB }, without({ swap: false }));

  assert.equal(swapless.hostConfig.MemorySwap, -1);
  assert.deepEqual(swapless.warnings, [
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
  ]);
  const weightless = validate({ BlkioWeight: 5 }, without({ blkioWeight: false }));
  assert.equal(weightless.hostConfig.BlkioWeight, 0);
  const pidless = validate({ PidsLimit: 5 }, without({ pids: false }));
  assert.equal(pidless.hostConfig.PidsLimit, null);
  assert.equal(validate({ CpusetCpus: "9" }, without({ cpuset: false })).hostConfig.CpusetCpus, "");
});

test("validateHostConfig: an OOM killer that is off without a limit is warned about", () => {
  assert.match(validate({ OomKillDisable: true }).warnings.join(), /running out of resources/);
});
