import { readFile } from "node:fs/promises";

/** What all of a machine uses. */
export interface HostUsage {
  /** Of all processors, since it started. */
  readonly cpuNanoSeconds: number;
  readonly memoryTotalBytes: number;
  /** What could be had without swapping. */
  readonly memoryAvailableBytes: number;
}

/** Of a tick of /proc/stat, which are the same on all architectures. */
const tickNanoSeconds = 1e7;

/** @see proc_stat(5), proc_meminfo(5) */
export async function readHostUsage(): Promise<HostUsage> {
  const [stat, memory] = await Promise.all([
    readFile("/proc/stat", "utf8"),
    readFile("/proc/meminfo", "utf8"),
  ]);
  const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, softIrq = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(stat)?.[1] ?? ""
  )
    .split(" ")
    .map(Number);
  const bytesOf = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(memory)?.[1] ?? 0) * 1024;
  return {
    cpuNanoSeconds: (user + nice + system + irq + softIrq + steal) * tickNanoSeconds,
    memoryTotalBytes: bytesOf("MemTotal"),
    memoryAvailableBytes: bytesOf("MemAvailable"),
  };
}
