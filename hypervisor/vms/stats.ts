import { readFileSync } from "node:fs";
import type { VirDomainStats } from "#api/hypercore/types.ts";
import { deviceIdOf } from "#hypervisor/qemu/machine-spec.ts";
import type { Running } from "./machine-table.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";
import { blockDevicesByVm, netDevicesByVm, type VmDeps } from "./vm-deps.ts";

/** Counters of a machine at one moment. */
interface Reading {
  readonly atMs: number;
  readonly cpuTicks: number;
  /** Bytes that the machine has got, and sent. */
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly disks: ReadonlyMap<string, DiskReading>;
}

interface DiskReading {
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly readNs: number;
  readonly writeNs: number;
}

const ticksPerSecond = 100;
const noDisk: DiskReading = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, readNs: 0, writeNs: 0 };

/**
 * What machines use: rates since the last time that somebody asked, or since the machine was first looked at. Nothing is measured
 * while nobody asks.
 */
export class VmStats {
  readonly #deps: VmDeps;
  readonly #cpus: number;
  readonly #before = new Map<string, Reading>();

  constructor(deps: VmDeps, cpus: number) {
    this.#deps = deps;
    this.#cpus = cpus;
  }

  async list(signal: AbortSignal): Promise<readonly VirDomainStats[]> {
    const { records, machines } = this.#deps;
    const all = records.list<VmRecord>(kinds.vm);
    const blockDevices = blockDevicesByVm(records);
    const netDevices = netDevicesByVm(records);
    for (const uuid of this.#before.keys()) if (machines.find(uuid) === undefined) this.#before.delete(uuid);
    return await Promise.all(
      all.map(async ({ uuid }) => {
        const running = machines.find(uuid);
        const disks = (blockDevices.get(uuid) ?? []).filter(({ layer }) => layer !== undefined);
        if (running === undefined) return statsOf(uuid, disks, undefined, undefined);
        const now = await this.#read(running, disks, netDevices.get(uuid) ?? [], signal);
        const before = this.#before.get(uuid);
        this.#before.set(uuid, now);
        return statsOf(uuid, disks, before, now);
      }),
    );
  }

  /** Of all machines, of all the node's CPUs. Percent, and bytes of memory that they have. */
  load(): { readonly cpuUsage: number; readonly memBytes: number } {
    const { machines } = this.#deps;
    const running = machines.runningUUIDs.flatMap((uuid) => machines.find(uuid) ?? []);
    const pages = running.reduce((sum, { machine }) => sum + residentBytes(machine.pid), 0);
    return { cpuUsage: this.#cpuUsage(running), memBytes: pages };
  }

  #lastLoad: { readonly atMs: number; readonly ticks: ReadonlyMap<string, number> } | undefined;

  #cpuUsage(running: readonly Running[]): number {
    const ticks = new Map(running.map(({ machine }) => [machine.uuid, cpuTicksOf(machine.pid)]));
    const now = { atMs: performance.now(), ticks };
    const before = this.#lastLoad;
    this.#lastLoad = now;
    if (before === undefined || now.atMs - before.atMs < 1) return 0;
    let used = 0;
    for (const [uuid, own] of ticks) used += Math.max(0, own - (before.ticks.get(uuid) ?? own));
    return Math.min(100, ((used / ticksPerSecond) * 100_000) / (now.atMs - before.atMs) / this.#cpus);
  }

  async #read(
    { machine }: Running,
    disks: readonly BlockDeviceRecord[],
    nics: readonly NetDeviceRecord[],
    signal: AbortSignal,
  ): Promise<Reading> {
    const { networks } = this.#deps;
    const counter = (tap: string, name: string) =>
      Number(readOr(`/sys/class/net/${tap}/statistics/${name}`, "0"));
    const taps = nics.map(({ uuid }) => networks.tapOf(uuid));
    return {
      atMs: performance.now(),
      cpuTicks: cpuTicksOf(machine.pid),
      // What the tap sends is what the machine gets.
      rxBytes: taps.reduce((sum, tap) => sum + counter(tap, "tx_bytes"), 0),
      txBytes: taps.reduce((sum, tap) => sum + counter(tap, "rx_bytes"), 0),
      disks: disks.length === 0 ? new Map() : await disksOf(machine, disks, signal),
    };
  }
}

async function disksOf(
  machine: Running["machine"],
  disks: readonly BlockDeviceRecord[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, DiskReading>> {
  const found = new Map<string, DiskReading>();
  const all = (await machine.qmp.execute("query-blockstats", {}, signal).catch(() => [])) as readonly {
    qdev?: string;
    stats: Readonly<Record<string, number>>;
  }[];
  for (const { uuid } of disks) {
    const id = deviceIdOf(uuid);
    const own = all.find(({ qdev }) => qdev?.split("/").includes(id) === true)?.stats;
    if (own === undefined) continue;
    found.set(uuid, {
      reads: own["rd_operations"] ?? 0,
      writes: own["wr_operations"] ?? 0,
      readBytes: own["rd_bytes"] ?? 0,
      writtenBytes: own["wr_bytes"] ?? 0,
      readNs: own["rd_total_time_ns"] ?? 0,
      writeNs: own["wr_total_time_ns"] ?? 0,
    });
  }
  return found;
}

function statsOf(
  uuid: string,
  disks: readonly BlockDeviceRecord[],
  before: Reading | undefined,
  now: Reading | undefined,
): VirDomainStats {
  const seconds = before === undefined || now === undefined ? 0 : (now.atMs - before.atMs) / 1000;
  const rate = (of: (reading: Reading) => number) =>
    seconds === 0 || before === undefined || now === undefined
      ? 0
      : Math.max(0, (of(now) - of(before)) / seconds);
  return {
    uuid,
    cpuUsage: (rate(({ cpuTicks }) => cpuTicks) / ticksPerSecond) * 100,
    rxBitRate: Math.round(rate(({ rxBytes }) => rxBytes * 8)),
    txBitRate: Math.round(rate(({ txBytes }) => txBytes * 8)),
    vsdStats: disks.map((disk) => {
      const own = (of: (reading: DiskReading) => number) =>
        rate(({ disks: all }) => of(all.get(disk.uuid) ?? noDisk));
      const [reads, writes] = [own((d) => d.reads), own((d) => d.writes)];
      const [readBytes, writtenBytes] = [own((d) => d.readBytes), own((d) => d.writtenBytes)];
      const mean = (sum: number, count: number) => (count === 0 ? 0 : Math.round(sum / count));
      return {
        uuid: disk.uuid,
        rates: [
          {
            decaySeconds: Math.round(seconds),
            millireadsPerSecond: Math.round(reads * 1000),
            milliwritesPerSecond: Math.round(writes * 1000),
            readKibibytesPerSecond: Math.round(readBytes / 1024),
            writeKibibytesPerSecond: Math.round(writtenBytes / 1024),
            meanReadSizeBytes: mean(readBytes, reads),
            meanWriteSizeBytes: mean(writtenBytes, writes),
            meanReadLatencyMicroseconds: mean(own((d) => d.readNs) / 1000, reads),
            meanWriteLatencyMicroseconds: mean(own((d) => d.writeNs) / 1000, writes),
          },
        ],
      };
    }),
  };
}

/** @see proc(5), /proc/pid/stat: utime and stime */
function cpuTicksOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const fields = readOr(`/proc/${pid}/stat`, "")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

function residentBytes(pid: number | undefined): number {
  if (pid === undefined) return 0;
  return Number(readOr(`/proc/${pid}/statm`, "").split(" ")[1] ?? 0) * 4096;
}

function readOr(path: string, absent: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return absent;
  }
}
