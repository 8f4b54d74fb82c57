import type { UnifiedLayout } from "./layout.ts";
import type { CgroupPlan, CgroupWrite } from "./plan.ts";
import type { BlockIoResources, CgroupResources, ThrottleRule } from "./resources.ts";

const defaultPeriodUs = 100_000;

type Entry = readonly [file: string, value: string | number | undefined, otherwise?: string];

/**
 * What it takes to put a process into a cgroup of its own on a pure v2 machine, below one whose controllers are enabled. Rules
 * for devices are not among it: they are programs there.
 */
export function planUnified(
  layout: UnifiedLayout,
  cgroupPath: string,
  resources: CgroupResources,
): CgroupPlan {
  const folder = layout.root + cgroupPath;
  return {
    directories: [folder],
    writes: unifiedWrites(folder, resources),
    processFiles: [`${folder}/cgroup.procs`],
  };
}

/**
 * The v2 files of limits given in the terms of v1, converted as OCI runtimes do.
 *
 * @see Linux Documentation/admin-guide/cgroup-v2, and OCI runtime-spec v1.2, config-linux.md#control-groups
 */
export function unifiedWrites(folder: string, resources: CgroupResources): readonly CgroupWrite[] {
  const { memory, cpu, pids, blockIO } = resources;
  const entries: readonly Entry[] = [
    ["memory.max", maxOf(memory?.limit)],
    ["memory.swap.max", swapOf(memory)],
    ["memory.low", memory?.reservation],
    ["cpu.weight", cpu?.shares === undefined ? undefined : weightOfShares(cpu.shares)],
    ["cpu.max", bandwidthOf(cpu)],
    ["cpuset.cpus", cpu?.cpus],
    ["cpuset.mems", cpu?.mems],
    ["pids.max", maxOf(pids?.limit)],
    ...blockEntries(blockIO ?? {}),
  ];
  return entries.flatMap(([name, value, otherwise]) => {
    if (value === undefined) return [];
    const write = { file: `${folder}/${name}`, value: String(value) };
    return [otherwise === undefined ? write : { ...write, otherwise: `${folder}/${otherwise}` }];
  });
}

function maxOf(limit: number | undefined): string | undefined {
  if (limit === undefined) return undefined;
  return limit > 0 ? String(limit) : "max";
}

/** v1 counts memory and swap together, v2 swap alone. */
function swapOf(memory: CgroupResources["memory"]): string | undefined {
  if (memory?.swap === undefined) return undefined;
  return memory.swap < 0 ? "max" : String(Math.max(0, memory.swap - (memory.limit ?? 0)));
}

/** 2 to 262144 becomes 1 to 10000. */
export function weightOfShares(shares: number): number {
  const inRange = Math.min(262_144, Math.max(2, shares));
  return 1 + Math.floor(((inRange - 2) * 9999) / 262_142);
}

function bandwidthOf(cpu: CgroupResources["cpu"]): string | undefined {
  if (cpu?.quota === undefined && cpu?.period === undefined) return undefined;
  return `${maxOf(cpu.quota) ?? "max"} ${cpu.period ?? defaultPeriodUs}`;
}

/** 10 to 1000 becomes 1 to 10000 where BFQ does not schedule. */
function blockEntries(io: BlockIoResources): readonly Entry[] {
  const limits = (key: string, rules: readonly ThrottleRule[] = []): readonly Entry[] =>
    rules.map((rule) => [
      "io.max",
      `${rule.major}:${rule.minor} ${key}=${rule.rate > 0 ? rule.rate : "max"}`,
    ]);
  return [
    ["io.bfq.weight", io.weight],
    ...limits("rbps", io.throttleReadBpsDevice),
    ...limits("wbps", io.throttleWriteBpsDevice),
    ...limits("riops", io.throttleReadIOPSDevice),
    ...limits("wiops", io.throttleWriteIOPSDevice),
  ];
}
