import { readFile } from "node:fs/promises";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import {
  type BlockIoUsage,
  blockIoUsage,
  type CpuUsage,
  cpuUsage,
  type MemoryUsage,
  memoryUsage,
  pidsUsage,
} from "#host/cgroup/usage.ts";

const NS_PER_TICK = 10_000_000;

/** What a running container uses, at one moment. Parts that the machine does not count are absent. */
export interface ContainerUsage {
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly blockIo?: BlockIoUsage;
  readonly pids?: { readonly current: number; readonly limit: number };
  /** Nanoseconds that all processors of the host have been accounted for. */
  readonly hostCpu: number;
  readonly onlineCpus: number;
  readonly networks: Readonly<Record<string, InterfaceUsage>>;
}

/** @see Docker Engine API v1.51, definition ContainerNetworkStats */
export interface InterfaceUsage {
  readonly rx_bytes: number;
  readonly rx_packets: number;
  readonly rx_errors: number;
  readonly rx_dropped: number;
  readonly tx_bytes: number;
  readonly tx_packets: number;
  readonly tx_errors: number;
  readonly tx_dropped: number;
}

/** Reads the container's cgroup, and the counters of the network namespace that `pid` is in. Never throws: what is gone is absent. */
export async function readUsage(
  layout: CgroupLayout,
  cgroupPath: string,
  pid: number,
): Promise<ContainerUsage> {
  const [cpu, memory, pids, blockIo] = [
    cpuUsage(layout, cgroupPath),
    memoryUsage(layout, cgroupPath),
    pidsUsage(layout, cgroupPath),
    blockIoUsage(layout, cgroupPath),
  ];
  const [stat, dev] = await Promise.all([readText("/proc/stat"), readText(`/proc/${pid}/net/dev`)]);
  return {
    ...(cpu && { cpu }),
    ...(memory && { memory }),
    ...(pids && { pids }),
    ...(blockIo && { blockIo }),
    hostCpu: parseHostCpu(stat),
    onlineCpus: stat.match(/^cpu\d+ /gm)?.length ?? 0,
    networks: parseInterfaces(dev),
  };
}

function readText(file: string): Promise<string> {
  return readFile(file, "latin1").catch(() => "");
}

/** User, nice, system, idle, iowait, irq and softirq of the first line, in nanoseconds. @see man 5 proc_stat */
export function parseHostCpu(stat: string): number {
  const [, line = ""] = /^cpu {2}(.*)$/m.exec(stat) ?? [];
  const ticks = line.split(" ").slice(0, 7).map(Number);
  return ticks.reduce((sum, value) => sum + (Number.isFinite(value) ? value : 0), 0) * NS_PER_TICK;
}

/** Every interface but `lo`. @see man 5 proc_pid_net */
export function parseInterfaces(dev: string): Readonly<Record<string, InterfaceUsage>> {
  const interfaces: [string, InterfaceUsage][] = [];
  for (const line of dev.split("\n").slice(2)) {
    const [name = "", counters] = line.trim().split(":");
    if (counters === undefined || name === "lo") continue;
    const fields = counters.trim().split(/\s+/).map(Number);
    const at = (index: number) => fields[index] ?? 0;
    interfaces.push([
      name,
      {
        rx_bytes: at(0),
        rx_packets: at(1),
        rx_errors: at(2),
        rx_dropped: at(3),
        tx_bytes: at(8),
        tx_packets: at(9),
        tx_errors: at(10),
        tx_dropped: at(11),
      },
    ]);
  }
  return Object.fromEntries(interfaces);
}
