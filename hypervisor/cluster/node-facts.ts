import { readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, networkInterfaces, totalmem } from "node:os";

/** What this host has, as it is now. Bytes, Hz. */
export interface NodeFacts {
  readonly lanIP: string;
  readonly memBytes: number;
  readonly freeMemBytes: number;
  readonly threads: number;
  readonly cores: number;
  readonly sockets: number;
  readonly cpuHz: number;
  /** Of the file system that disks are kept on. */
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** @param folder that disks are kept in */
export function readNodeFacts(folder: string): NodeFacts {
  const all = cpus();
  const { cores, sockets } = topologyOf(readOr("/proc/cpuinfo"));
  const disk = statfsSync(folder);
  return {
    lanIP: lanAddress(),
    memBytes: totalmem(),
    freeMemBytes: freemem(),
    threads: all.length,
    cores: cores === 0 ? all.length : cores,
    sockets: Math.max(1, sockets),
    cpuHz: (all[0]?.speed ?? 0) * 1_000_000,
    capacityBytes: disk.blocks * disk.bsize,
    usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
  };
}

/** @see proc(5), /proc/cpuinfo */
export function topologyOf(cpuinfo: string): { readonly cores: number; readonly sockets: number } {
  const cores = new Set<string>();
  const sockets = new Set<string>();
  for (const block of cpuinfo.split("\n\n")) {
    const socket = /^physical id\s*: (\d+)$/m.exec(block)?.[1];
    const core = /^core id\s*: (\d+)$/m.exec(block)?.[1];
    if (socket === undefined || core === undefined) continue;
    sockets.add(socket);
    cores.add(`${socket}/${core}`);
  }
  return { cores: cores.size, sockets: sockets.size };
}

/** The first address that others can reach; loopback on a machine without one. */
function lanAddress(): string {
  const external = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal);
  return external?.address ?? "127.0.0.1";
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
