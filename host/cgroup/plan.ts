import { type CgroupFolder, foldersOf, folderOf, type LegacyLayout } from "./layout.ts";
import type { BlockIoResources, CgroupResources, DeviceRule, ThrottleRule } from "./resources.ts";

/** What it takes to put a container into cgroups on a v1 or hybrid machine. Plain data, in the order to do it. */
export interface CgroupPlan {
  readonly directories: readonly string[];
  /** The one whose `cpuset.cpus` and `cpuset.mems` must be filled before anything can join it. */
  readonly cpusetDirectory?: string;
  readonly writes: readonly CgroupWrite[];
  /** A process joins by writing its pid (or 0 for itself) into every one of them. */
  readonly processFiles: readonly string[];
}

export interface CgroupWrite {
  readonly file: string;
  readonly value: string;
  /** Used when `file` does not exist: kernels and I/O schedulers differ in some names. */
  readonly otherwise?: string;
}

/**
 * Plans the cgroups of a container for machines where the engine itself writes them. On a pure v2 machine the runtime does it
 * from the same resources in its spec.
 *
 * @see Linux Documentation/admin-guide/cgroup-v1
 */
export function planCgroup(layout: LegacyLayout, cgroupPath: string, resources: CgroupResources): CgroupPlan {
  const folders = foldersOf(layout, cgroupPath);
  const at = (controller: string) => folderOf(layout, controller, cgroupPath);
  const cpuset = at("cpuset");
  return {
    directories: folders.map((folder) => folder.path),
    ...(cpuset === undefined ? {} : { cpusetDirectory: cpuset }),
    writes: [
      ...inFolder(at("devices"), resources.devices.flatMap(deviceWrite)),
      ...resourceWrites(at, resources),
    ],
    processFiles: folders.map((folder: CgroupFolder) => `${folder.path}/cgroup.procs`),
  };
}

/** The limits alone, without the rules for devices. `at` has the cgroup's folder by controller. */
export function resourceWrites(
  at: (controller: string) => string | undefined,
  resources: CgroupResources,
): readonly CgroupWrite[] {
  return [
    ...inFolder(at("memory"), memoryWrites(resources)),
    ...inFolder(at("cpu"), cpuWrites(resources)),
    ...inFolder(at("cpuset"), cpusetWrites(resources)),
    ...inFolder(at("pids"), pidsWrites(resources)),
    ...inFolder(at("blkio"), blkioWrites(resources.blockIO ?? {})),
  ];
}

type Entry = readonly [file: string, value: string | number | undefined, otherwise?: string];

function inFolder(folder: string | undefined, entries: readonly Entry[]): readonly CgroupWrite[] {
  if (folder === undefined) return [];
  return entries.flatMap(([file, value, otherwise]) => {
    if (value === undefined) return [];
    const write = { file: `${folder}/${file}`, value: String(value) };
    return [otherwise === undefined ? write : { ...write, otherwise: `${folder}/${otherwise}` }];
  });
}

function deviceWrite(rule: DeviceRule): readonly Entry[] {
  const file = rule.allow ? "devices.allow" : "devices.deny";
  const type = rule.type ?? "a";
  if (type === "a") return [[file, "a"]];
  return [[file, `${type} ${rule.major ?? "*"}:${rule.minor ?? "*"} ${rule.access}`]];
}

/** Memory before memory and swap: in a new cgroup both are unlimited, and the second may never be below the first. */
function memoryWrites({ memory }: CgroupResources): readonly Entry[] {
  return [
    ["memory.limit_in_bytes", memory?.limit],
    ["memory.memsw.limit_in_bytes", memory?.swap],
    ["memory.soft_limit_in_bytes", memory?.reservation],
    ["memory.swappiness", memory?.swappiness],
    ["memory.oom_control", memory?.disableOOMKiller === true ? 1 : undefined],
  ];
}

/** Periods before what is spent of them. */
function cpuWrites({ cpu }: CgroupResources): readonly Entry[] {
  return [
    ["cpu.shares", cpu?.shares],
    ["cpu.cfs_period_us", cpu?.period],
    ["cpu.cfs_quota_us", cpu?.quota],
    ["cpu.rt_period_us", cpu?.realtimePeriod],
    ["cpu.rt_runtime_us", cpu?.realtimeRuntime],
  ];
}

function cpusetWrites({ cpu }: CgroupResources): readonly Entry[] {
  return [
    ["cpuset.cpus", cpu?.cpus],
    ["cpuset.mems", cpu?.mems],
  ];
}

function pidsWrites({ pids }: CgroupResources): readonly Entry[] {
  if (pids === undefined) return [];
  return [["pids.max", pids.limit > 0 ? pids.limit : "max"]];
}

function blkioWrites(io: BlockIoResources): readonly Entry[] {
  const throttles = (file: string, rules: readonly ThrottleRule[] = []): readonly Entry[] =>
    rules.map((rule) => [`blkio.throttle.${file}`, `${rule.major}:${rule.minor} ${rule.rate}`]);
  return [
    ["blkio.weight", io.weight, "blkio.bfq.weight"],
    ...(io.weightDevice ?? []).map(
      (device): Entry => [
        "blkio.weight_device",
        `${device.major}:${device.minor} ${device.weight}`,
        "blkio.bfq.weight_device",
      ],
    ),
    ...throttles("read_bps_device", io.throttleReadBpsDevice),
    ...throttles("write_bps_device", io.throttleWriteBpsDevice),
    ...throttles("read_iops_device", io.throttleReadIOPSDevice),
    ...throttles("write_iops_device", io.throttleWriteIOPSDevice),
  ];
}
