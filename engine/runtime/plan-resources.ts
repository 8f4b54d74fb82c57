import type { HostConfig, ThrottleDevice } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type {
  BlockIoResources,
  CgroupResources,
  CpuResources,
  DeviceRule,
  MemoryResources,
  ThrottleRule,
} from "#host/cgroup/resources.ts";
import type { HostDevices } from "./host-devices.ts";

const PERIOD_US = 100_000;

const denyAll: DeviceRule = { allow: false, access: "rwm" };
const allowAll: DeviceRule = { allow: true, access: "rwm" };

/** Making nodes is harmless where opening them is not; terminals are needed for `-t` and for what starts the container. */
const defaultRules: readonly DeviceRule[] = [
  denyAll,
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts
];

function character(major: number, minor: number): DeviceRule {
  return { allow: true, type: "c", major, minor, access: "rwm" };
}

/**
 * The cgroup settings that a container asks for, as the OCI spec has them. Only what was asked for is there, besides the rules
 * for devices.
 *
 * @throws {Fault} `invalid` for a device rule that cannot be read
 */
export function planResources(hostConfig: HostConfig, devices: HostDevices): CgroupResources {
  const memory = planMemory(hostConfig);
  const cpu = planCpu(hostConfig);
  const blockIO = planBlockIo(hostConfig, devices.numbers);
  const { PidsLimit } = hostConfig;
  return {
    devices: planDeviceRules(hostConfig, devices),
    ...(isEmpty(memory) ? {} : { memory }),
    ...(isEmpty(cpu) ? {} : { cpu }),
    ...(PidsLimit === null || PidsLimit === undefined
      ? {}
      : { pids: { limit: PidsLimit > 0 ? PidsLimit : -1 } }),
    ...(isEmpty(blockIO) ? {} : { blockIO }),
  };
}

/**
 * What an update changes in cgroups. Limits that mean something only together are set together.
 *
 * @param asked the update, with zero for what it leaves alone
 * @param merged what the container has afterwards
 */
export function planResourceChange(
  asked: HostConfig,
  merged: HostConfig,
  numbers: HostDevices["numbers"],
): CgroupResources {
  const changesMemory = asked.Memory !== 0 || asked.MemorySwap !== 0;
  const changesQuota = asked.CpuPeriod !== 0 || asked.CpuQuota !== 0;
  const together = {
    ...asked,
    ...(changesMemory && { Memory: merged.Memory, MemorySwap: merged.MemorySwap }),
    ...(changesQuota && { CpuPeriod: merged.CpuPeriod, CpuQuota: merged.CpuQuota }),
  };
  const planned = planResources(together, { nodes: [], numbers });
  return together.MemorySwap === -1 ? { ...planned, memory: { ...planned.memory, swap: -1 } } : planned;
}

function planDeviceRules(hostConfig: HostConfig, devices: HostDevices): readonly DeviceRule[] {
  if (hostConfig.Privileged) return [allowAll];
  const asked = devices.nodes.map(({ type, major, minor, access }) => ({
    allow: true,
    type,
    major,
    minor,
    access,
  }));
  return [...defaultRules, ...asked, ...(hostConfig.DeviceCgroupRules ?? []).map(parseDeviceRule)];
}

/**
 * Parses `c 10:* rwm`.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function parseDeviceRule(text: string): DeviceRule {
  const [, type, major, minor, access] =
    /^([acb]) ([0-9]{1,10}|\*):([0-9]{1,10}|\*) ([rwm]{1,3})$/.exec(text) ?? [];
  if (access === undefined || (type !== "a" && type !== "b" && type !== "c")) {
    throw new Fault("invalid", `invalid device cgroup rule format: '${text}'`);
  }
  return {
    allow: true,
    type,
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

function planMemory(hostConfig: HostConfig): MemoryResources {
  const { Memory, MemoryReservation, MemorySwap, MemorySwappiness, OomKillDisable } = hostConfig;
  return {
    ...(Memory > 0 ? { limit: Memory } : {}),
    ...(MemoryReservation > 0 ? { reservation: MemoryReservation } : {}),
    ...(MemorySwap > 0 ? { swap: MemorySwap } : {}),
    // -1 is how some clients say that they do not care.
    ...(MemorySwappiness !== null && MemorySwappiness !== undefined && MemorySwappiness >= 0
      ? { swappiness: MemorySwappiness }
      : {}),
    ...(OomKillDisable === true ? { disableOOMKiller: true } : {}),
  };
}

function planCpu(hostConfig: HostConfig): CpuResources {
  const { NanoCpus, CpuShares, CpuPeriod, CpuQuota, CpuRealtimePeriod, CpuRealtimeRuntime } = hostConfig;
  return {
    ...(CpuShares > 0 ? { shares: CpuShares } : {}),
    ...(NanoCpus > 0 ? { period: PERIOD_US, quota: Math.trunc((NanoCpus * PERIOD_US) / 1e9) } : {}),
    ...(CpuPeriod === 0 ? {} : { period: CpuPeriod }),
    ...(CpuQuota === 0 ? {} : { quota: CpuQuota }),
    ...(CpuRealtimePeriod === 0 ? {} : { realtimePeriod: CpuRealtimePeriod }),
    ...(CpuRealtimeRuntime === 0 ? {} : { realtimeRuntime: CpuRealtimeRuntime }),
    ...(hostConfig.CpusetCpus === "" ? {} : { cpus: hostConfig.CpusetCpus }),
    ...(hostConfig.CpusetMems === "" ? {} : { mems: hostConfig.CpusetMems }),
  };
}

function planBlockIo(hostConfig: HostConfig, numbers: HostDevices["numbers"]): BlockIoResources {
  const numberOf = (path: string) => numbers[path] ?? { major: 0, minor: 0 };
  const throttles = (devices: readonly ThrottleDevice[] | null): readonly ThrottleRule[] | undefined =>
    devices?.length ? devices.map(({ Path, Rate }) => ({ ...numberOf(Path), rate: Rate })) : undefined;
  const weights = hostConfig.BlkioWeightDevice?.map(({ Path, Weight }) => ({
    ...numberOf(Path),
    weight: Weight,
  }));
  const planned = {
    weight: hostConfig.BlkioWeight > 0 ? hostConfig.BlkioWeight : undefined,
    weightDevice: weights?.length ? weights : undefined,
    throttleReadBpsDevice: throttles(hostConfig.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(hostConfig.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(hostConfig.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(hostConfig.BlkioDeviceWriteIOps),
  };
  return Object.fromEntries(Object.entries(planned).filter(([, value]) => value !== undefined));
}

function isEmpty(settings: object): boolean {
  return Object.keys(settings).length === 0;
}
