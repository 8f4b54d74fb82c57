import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CgroupLayout, folderOf } from "./layout.ts";

/** Bytes. `limit` is `Infinity` for none; `stat` is memory.stat as it is. */
export interface MemoryUsage {
  readonly usage: number;
  readonly maxUsage?: number;
  readonly limit: number;
  readonly failures: number;
  readonly stat: Readonly<Record<string, number>>;
}

/** Nanoseconds since the cgroup was made. */
export interface CpuUsage {
  readonly total: number;
  readonly user: number;
  readonly system: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttled: number;
  /** For each processor, where the kernel counts so. */
  readonly perCpu?: readonly number[];
}

/** What was read from and written to one block device, in bytes or operations. `op` is the kernel's word for it. */
export interface BlockIoEntry {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: number;
}

export interface BlockIoUsage {
  readonly bytes: readonly BlockIoEntry[];
  /** v1 only. */
  readonly operations?: readonly BlockIoEntry[];
}

/** Undefined when the cgroup is gone or the machine has no memory controller. */
export function memoryUsage(layout: CgroupLayout, cgroupPath: string): MemoryUsage | undefined {
  const folder = folderOf(layout, "memory", cgroupPath);
  const stat = table(folder, "memory.stat");
  if (stat === undefined) return undefined;
  const [usage, limit] =
    layout.kind === "v2"
      ? [number(folder, "memory.current"), number(folder, "memory.max")]
      : [number(folder, "memory.usage_in_bytes"), stat["hierarchical_memory_limit"]];
  const maxUsage = number(folder, layout.kind === "v2" ? "memory.peak" : "memory.max_usage_in_bytes");
  const failures =
    layout.kind === "v2" ? table(folder, "memory.events")?.["max"] : number(folder, "memory.failcnt");
  return {
    usage: usage ?? 0,
    ...(maxUsage === undefined ? {} : { maxUsage }),
    limit: limit === undefined || limit > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : limit,
    failures: failures ?? 0,
    stat,
  };
}

/** Undefined when the cgroup is gone or the machine does not account for processor time. */
export function cpuUsage(layout: CgroupLayout, cgroupPath: string): CpuUsage | undefined {
  const stat = table(folderOf(layout, "cpu", cgroupPath), "cpu.stat");
  if (layout.kind === "v2") return stat === undefined ? undefined : unifiedUsage(stat);
  const accounting = folderOf(layout, "cpuacct", cgroupPath);
  const total = number(accounting, "cpuacct.usage");
  if (total === undefined) return undefined;
  const perCpu = words(read(accounting, "cpuacct.usage_percpu")).map(Number);
  return {
    total,
    ...(perCpu.length > 0 && { perCpu }),
    user: number(accounting, "cpuacct.usage_user") ?? 0,
    system: number(accounting, "cpuacct.usage_sys") ?? 0,
    periods: stat?.["nr_periods"] ?? 0,
    throttledPeriods: stat?.["nr_throttled"] ?? 0,
    throttled: stat?.["throttled_time"] ?? 0,
  };
}

/** `limit` is `Infinity` for none. Undefined when the cgroup is gone. */
export function pidsUsage(
  layout: CgroupLayout,
  cgroupPath: string,
): { readonly current: number; readonly limit: number } | undefined {
  const folder = folderOf(layout, "pids", cgroupPath);
  const current = number(folder, "pids.current");
  if (current === undefined) return undefined;
  return { current, limit: number(folder, "pids.max") ?? Number.POSITIVE_INFINITY };
}

/** Undefined when the cgroup is gone or the machine does not account for block I/O. */
export function blockIoUsage(layout: CgroupLayout, cgroupPath: string): BlockIoUsage | undefined {
  const folder = folderOf(layout, layout.kind === "v2" ? "io" : "blkio", cgroupPath);
  if (layout.kind === "v2") {
    const text = read(folder, "io.stat");
    return text === undefined ? undefined : { bytes: parseIoStat(text) };
  }
  // Only one of the two counts, as the scheduler of the devices decides.
  for (const policy of ["bfq", "throttle"]) {
    const bytes = parseBlockIo(read(folder, `blkio.${policy}.io_service_bytes_recursive`) ?? "");
    const operations = parseBlockIo(read(folder, `blkio.${policy}.io_serviced_recursive`) ?? "");
    if (bytes.length > 0 || operations.length > 0 || policy === "throttle") return { bytes, operations };
  }
  return undefined;
}

/** Lines like `8:0 Read 4096`; the sum of all devices has no device. @see Linux Documentation/admin-guide/cgroup-v1/blkio-controller */
export function parseBlockIo(text: string): readonly BlockIoEntry[] {
  return [...text.matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op = "", value]) => ({
    major: Number(major),
    minor: Number(minor),
    op,
    value: Number(value),
  }));
}

/** Lines like `8:0 rbytes=4096 wbytes=0 rios=1 …`. @see Linux Documentation/admin-guide/cgroup-v2, io.stat */
export function parseIoStat(text: string): readonly BlockIoEntry[] {
  return text.split("\n").flatMap((line) => {
    const [, major, minor, rest = ""] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
    if (major === undefined) return [];
    const device = { major: Number(major), minor: Number(minor) };
    const count = (key: string) => Number(new RegExp(`(?:^| )${key}=(\\d+)`).exec(rest)?.[1] ?? 0);
    return [
      { ...device, op: "read", value: count("rbytes") },
      { ...device, op: "write", value: count("wbytes") },
    ];
  });
}

function words(text: string | undefined): readonly string[] {
  return text?.split(/\s+/).filter((word) => word !== "") ?? [];
}

function unifiedUsage(stat: Readonly<Record<string, number>>): CpuUsage {
  const nanoseconds = (key: string) => (stat[key] ?? 0) * 1000;
  return {
    total: nanoseconds("usage_usec"),
    user: nanoseconds("user_usec"),
    system: nanoseconds("system_usec"),
    periods: stat["nr_periods"] ?? 0,
    throttledPeriods: stat["nr_throttled"] ?? 0,
    throttled: nanoseconds("throttled_usec"),
  };
}

function table(folder: string | undefined, file: string): Record<string, number> | undefined {
  const text = read(folder, file);
  if (text === undefined) return undefined;
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const [key, value] = line.split(" ");
    if (key !== undefined && value !== undefined) values[key] = Number(value);
  }
  return values;
}

function number(folder: string | undefined, file: string): number | undefined {
  const text = read(folder, file)?.trim();
  if (text === undefined || text === "") return undefined;
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

function read(folder: string | undefined, file: string): string | undefined {
  if (folder === undefined) return undefined;
  try {
    return readFileSync(join(folder, file), "latin1");
  } catch {
    return undefined; // gone meanwhile, or the kernel does not have the file
  }
}
