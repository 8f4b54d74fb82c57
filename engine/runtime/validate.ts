import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import type { HostFacts } from "#host/facts.ts";
import { parseNumberList } from "#host/number-list.ts";
import { planCapabilities } from "./capabilities.ts";
import { parseCgroupParent } from "./cgroup-parents.ts";
import { parseDeviceRule } from "./plan-resources.ts";
import { planRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-options.ts";

const MEMORY_MIN = 6 * 1024 * 1024;
const HOSTNAME_MAX = 64;
const SHARES_MAX = 262_144;
const NANO = 1e9;

/** A host configuration without what this machine cannot do, and what was said about that. */
export interface Validated {
  readonly hostConfig: HostConfig;
  readonly warnings: readonly string[];
}

/**
 * Checks everything in a create request that decides how the container will be confined, so that it fails at create and not at
 * start. Settings that the kernel lacks are discarded with Docker's warnings.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function validateHostConfig(
  config: Pick<ContainerConfig, "Hostname" | "WorkingDir">,
  hostConfig: HostConfig,
  host: HostFacts,
): Validated {
  checkConfig(config);
  const memory = validateMemory(hostConfig, host);
  const cpu = validateCpu(memory.hostConfig, host);
  const blkio = validateBlkio(cpu.hostConfig, host);
  const pids = validatePids(blkio.hostConfig, host);
  checkModes(hostConfig);
  parseCgroupParent(hostConfig.CgroupParent);
  if (Object.hasOwn(hostConfig.Annotations ?? {}, ""))
    throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  checkDevices(hostConfig);
  parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  const stages = [
    memory,
    cpu,
    blkio,
    pids,
    planCapabilities(hostConfig, host),
    planRlimits(hostConfig.Ulimits ?? [], host),
  ];
  const mountsImage = hostConfig.Mounts?.some(({ Type }) => Type === "image") ?? false;
  return {
    hostConfig: pids.hostConfig,
    warnings: [
      ...stages.flatMap((stage) => stage.warnings),
      ...(mountsImage ? ["Image mount is an experimental feature"] : []),
    ],
  };
}

/**
 * As {@link validateHostConfig}, for an update's limits alone.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function validateUpdate(hostConfig: HostConfig, host: HostFacts): Validated {
  const memory = validateMemory(hostConfig, host, true);
  const cpu = validateCpu(memory.hostConfig, host);
  const blkio = validateBlkio(cpu.hostConfig, host);
  const pids = validatePids(blkio.hostConfig, host);
  const warnings = [memory, cpu, blkio, pids].flatMap((stage) => stage.warnings);
  return { hostConfig: pids.hostConfig, warnings };
}

function checkConfig({ Hostname, WorkingDir }: Pick<ContainerConfig, "Hostname" | "WorkingDir">): void {
  if (new TextEncoder().encode(Hostname).length > HOSTNAME_MAX) {
    throw invalid(`hostname ${JSON.stringify(Hostname)} is too long (maximum ${HOSTNAME_MAX} bytes)`);
  }
  if (WorkingDir !== "" && !WorkingDir.startsWith("/")) {
    throw invalid(`the working directory '${WorkingDir}' is invalid, it needs to be an absolute path`);
  }
}

function validateMemory(given: HostConfig, { limits }: HostFacts, isUpdate = false): Validated {
  const { hostConfig: kept, warnings } = discard(given, [
    [
      given.Memory > 0 && !limits.memory,
      { Memory: 0, MemorySwap: -1 },
      "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
    ],
    [
      given.Memory > 0 && given.MemorySwap !== -1 && limits.memory && !limits.swap,
      { MemorySwap: -1 },
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    ],
    [
      isSet(given.MemorySwappiness) && !limits.swappiness,
      { MemorySwappiness: null },
      "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
    ],
    [
      given.MemoryReservation > 0 && !limits.memoryReservation,
      { MemoryReservation: 0 },
      "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.",
    ],
    [
      given.OomKillDisable === true && !limits.oomKillDisable,
      { OomKillDisable: null },
      "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
    ],
  ]);
  checkMemory(given, kept, isUpdate);
  const hostConfig = limits.oomKillDisable ? kept : { ...kept, OomKillDisable: null };
  if (hostConfig.OomKillDisable !== true || hostConfig.Memory !== 0) return { hostConfig, warnings };
  const unlimited =
    "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.";
  return { hostConfig, warnings: [...warnings, unlimited] };
}

function checkMemory(given: HostConfig, kept: HostConfig, isUpdate: boolean): void {
  if (given.Memory !== 0 && given.Memory < MEMORY_MIN) throw invalid("Minimum memory limit allowed is 6MB");
  if (kept.Memory > 0 && kept.MemorySwap > 0 && kept.MemorySwap < kept.Memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (!isUpdate && kept.Memory === 0 && kept.MemorySwap > 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const swappiness = kept.MemorySwappiness;
  if (isSet(swappiness) && (swappiness < 0 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (kept.MemoryReservation > 0 && kept.MemoryReservation < MEMORY_MIN) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (kept.Memory > 0 && kept.MemoryReservation > 0 && kept.Memory < kept.MemoryReservation) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

/** -1 is how some clients say that they do not care. */
function isSet(swappiness: number | null | undefined): swappiness is number {
  return swappiness !== null && swappiness !== undefined && swappiness !== -1;
}

function validateCpu(given: HostConfig, host: HostFacts): Validated {
  const { limits } = host;
  checkNanoCpus(given, host);
  const { hostConfig, warnings } = discard(given, [
    [
      given.CpuShares > 0 && !limits.cpuShares,
      { CpuShares: 0 },
      "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.",
    ],
    [
      (given.CpuPeriod !== 0 || given.CpuQuota !== 0) && !limits.cpuQuota,
      { CpuPeriod: 0, CpuQuota: 0 },
      "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    ],
    [given.CpuPercent > 0, { CpuPercent: 0 }, "linux does not support CPU percent. Percent discarded."],
    [
      (given.CpusetCpus !== "" || given.CpusetMems !== "") && !limits.cpuset,
      { CpusetCpus: "", CpusetMems: "" },
      "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    ],
  ]);
  if (given.CpuShares < 0) {
    throw invalid(`invalid CPU shares (${given.CpuShares}): value must be a positive integer`);
  }
  if (hostConfig.CpuShares > SHARES_MAX) throw invalid(`the maximum allowed cpu-shares is ${SHARES_MAX}`);
  if (hostConfig.CpuShares === 1) throw invalid("the minimum allowed cpu-shares is 2");
  checkRealtime(hostConfig, limits.cpuRealtime);
  const { CpuPeriod, CpuQuota } = hostConfig;
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  checkList("cpus", "CPUs", hostConfig.CpusetCpus, limits.cpus);
  checkList("mems", "memory nodes", hostConfig.CpusetMems, limits.mems);
  return { hostConfig, warnings };
}

function checkRealtime({ CpuRealtimePeriod, CpuRealtimeRuntime }: HostConfig, isThere: boolean): void {
  if (!isThere && (CpuRealtimePeriod !== 0 || CpuRealtimeRuntime !== 0))
    throw invalid("kernel does not support CPU real-time scheduler");
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod)
    throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
}

function checkNanoCpus({ NanoCpus, CpuPeriod, CpuQuota }: HostConfig, { cpus, limits }: HostFacts): void {
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (NanoCpus > 0 && !limits.cpuQuota) {
    throw invalid(
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    );
  }
  if (NanoCpus < 0 || NanoCpus > cpus * NANO) {
    throw invalid(
      `range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`,
    );
  }
}

function checkList(name: string, subject: string, asked: string, available: string): void {
  if (asked === "") return;
  let numbers: readonly number[];
  try {
    numbers = parseNumberList(asked);
  } catch (error) {
    throw invalid(`Invalid value ${asked} for cpuset ${name}: ${messageOf(error)}`);
  }
  const there = new Set(parseNumberList(available));
  if (numbers.every((number) => there.has(number))) return;
  throw invalid(`Requested ${subject} are not available - requested ${asked}, available: ${available}`);
}

function validateBlkio(given: HostConfig, { limits }: HostFacts): Validated {
  if (given.IOMaximumBandwidth !== 0 || given.IOMaximumIOps !== 0) {
    throw invalid("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps");
  }
  const lacksThrottle = (devices: readonly object[] | null) =>
    (devices?.length ?? 0) > 0 && !limits.blkioThrottle;
  const { hostConfig, warnings } = discard(given, [
    [
      given.BlkioWeight > 0 && !limits.blkioWeight,
      { BlkioWeight: 0 },
      "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    ],
    [
      (given.BlkioWeightDevice?.length ?? 0) > 0 && !limits.blkioWeightDevice,
      { BlkioWeightDevice: [] },
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    ],
    [
      lacksThrottle(given.BlkioDeviceReadBps),
      { BlkioDeviceReadBps: [] },
      "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
    ],
    [
      lacksThrottle(given.BlkioDeviceWriteBps),
      { BlkioDeviceWriteBps: [] },
      "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.",
    ],
    [
      lacksThrottle(given.BlkioDeviceReadIOps),
      { BlkioDeviceReadIOps: [] },
      "Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.",
    ],
    [
      lacksThrottle(given.BlkioDeviceWriteIOps),
      { BlkioDeviceWriteIOps: [] },
      "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.",
    ],
  ]);
  const { BlkioWeight } = hostConfig;
  if (BlkioWeight !== 0 && (BlkioWeight < 10 || BlkioWeight > 1000)) {
    throw invalid("Range of blkio weight is from 10 to 1000");
  }
  return { hostConfig, warnings };
}

function validatePids(given: HostConfig, { limits }: HostFacts): Validated {
  return discard(given, [
    [
      (given.PidsLimit ?? 0) > 0 && !limits.pids,
      { PidsLimit: null },
      "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    ],
  ]);
}

type Discard = readonly [applies: boolean, without: Partial<HostConfig>, warning: string];

function discard(given: HostConfig, discards: readonly Discard[]): Validated {
  const applying = discards.filter(([applies]) => applies);
  if (applying.length === 0) return { hostConfig: given, warnings: [] };
  return {
    hostConfig: applying.reduce((config, [, without]) => ({ ...config, ...without }), given),
    warnings: applying.map(([, , warning]) => warning),
  };
}

const joins = /^container:/;

function checkModes({ IpcMode, PidMode, UTSMode, CgroupnsMode, ShmSize, OomScoreAdj }: HostConfig): void {
  if (!["", "none", "private", "shareable", "host"].includes(IpcMode) && !joins.test(IpcMode)) {
    throw invalid(`invalid IPC mode: ${IpcMode}`);
  }
  if (PidMode !== "" && PidMode !== "host" && !/^container:./.test(PidMode)) {
    throw invalid(`invalid PID mode: ${PidMode}`);
  }
  if (ShmSize < 0) throw invalid("SHM size can not be less than 0");
  if (UTSMode !== "" && UTSMode !== "host") throw invalid(`invalid UTS mode: ${UTSMode}`);
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (!["", "private", "host"].includes(CgroupnsMode)) {
    throw invalid(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  }
}

function checkDevices({ DeviceCgroupRules }: HostConfig): void {
  for (const rule of DeviceCgroupRules ?? []) parseDeviceRule(rule);
}

/**
 * There is no driver for any: what Docker's daemon says when such a container is started.
 *
 * @throws {Fault} `invalid` when there is a request
 */
export function refuseDeviceRequests({ DeviceRequests }: HostConfig): void {
  const request:
    | { readonly Driver?: unknown; readonly Capabilities?: unknown; readonly DeviceIDs?: unknown }
    | undefined = DeviceRequests?.[0];
  if (request === undefined) return;
  const driver = typeof request.Driver === "string" ? request.Driver : "";
  if (driver === "cdi" && Array.isArray(request.DeviceIDs))
    throw invalid(`CDI device injection failed: unresolvable CDI devices ${request.DeviceIDs.join(", ")}`);
  const sets = Array.isArray(request.Capabilities) ? request.Capabilities : [];
  const shown = sets.map((set) => `[${Array.isArray(set) ? set.join(" ") : ""}]`).join(" ");
  throw invalid(`could not select device driver ${JSON.stringify(driver)} with capabilities: [${shown}]`);
}

function invalid(message: string): Fault {
  return new Fault("invalid", message);
}
