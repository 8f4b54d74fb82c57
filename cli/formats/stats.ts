import type { ContainerStats, CpuStats } from "#client/docker-types.ts";
import { formatBinary, formatBytes3 } from "../output/units.ts";
import type { Columns } from "./formatter.ts";
import { ellipsis } from "./text.ts";

/** What `stats` knows of a container; without a sample nothing is known yet. */
export interface StatsRow {
  /** What the container was asked for by. */
  readonly ref: string;
  readonly sample?: ContainerStats;
}

export const statsTable =
  "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

const nothing = "--";

export function statsColumns(isFull: boolean): Columns<StatsRow> {
  const known = (show: (sample: ContainerStats) => string, otherwise: string) => (row: StatsRow) =>
    row.sample === undefined ? otherwise : show(row.sample);
  return {
    Container: ["CONTAINER", ({ ref }) => ref],
    ID: [
      "CONTAINER ID",
      ({ ref, sample }) => (isFull ? (sample?.id ?? ref) : ellipsis(sample?.id ?? ref, 13).slice(0, 12)),
    ],
    Name: ["NAME", known(({ name }) => name.replace(/^\//, ""), nothing)],
    CPUPerc: ["CPU %", known((sample) => `${cpuPercent(sample).toFixed(2)}%`, nothing)],
    MemUsage: [
      "MEM USAGE / LIMIT",
      known(
        (sample) => `${formatBinary(memoryUsage(sample))} / ${formatBinary(sample.memory_stats?.limit ?? 0)}`,
        `${nothing} / ${nothing}`,
      ),
    ],
    MemPerc: ["MEM %", known((sample) => `${memoryPercent(sample).toFixed(2)}%`, nothing)],
    NetIO: ["NET I/O", known((sample) => pair(network(sample)), nothing)],
    BlockIO: ["BLOCK I/O", known((sample) => pair(blocks(sample)), nothing)],
    PIDs: ["PIDS", known(({ pids_stats }) => String(pids_stats?.current ?? 0), nothing)],
  };
}

function pair([first, second]: readonly [number, number]): string {
  return `${formatBytes3(first)} / ${formatBytes3(second)}`;
}

/** Share of one CPU between the sample and the one before it. */
function cpuPercent({ cpu_stats: now, precpu_stats: before }: ContainerStats): number {
  const used = total(now) - total(before);
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || (now.cpu_usage.percpu_usage?.length ?? 0);
  return used > 0 && passed > 0 ? (used / passed) * cpus * 100 : 0;
}

function total({ cpu_usage }: CpuStats): number {
  return cpu_usage?.total_usage ?? 0;
}

/** Without what the kernel would give back at once: inactive page cache. */
function memoryUsage({ memory_stats: { usage = 0, stats = {} } = {} }: ContainerStats): number {
  const inactive = stats["total_inactive_file"] ?? stats["inactive_file"] ?? 0;
  return inactive < usage ? usage - inactive : usage;
}

function memoryPercent(sample: ContainerStats): number {
  const limit = sample.memory_stats?.limit ?? 0;
  return limit === 0 ? 0 : (memoryUsage(sample) / limit) * 100;
}

function network({ networks = {} }: ContainerStats): readonly [number, number] {
  let [received, sent] = [0, 0];
  for (const { rx_bytes, tx_bytes } of Object.values(networks)) {
    received += rx_bytes;
    sent += tx_bytes;
  }
  return [received, sent];
}

function blocks({ blkio_stats }: ContainerStats): readonly [number, number] {
  let [read, written] = [0, 0];
  for (const { op, value } of blkio_stats?.io_service_bytes_recursive ?? []) {
    if (/^r/i.test(op)) read += value;
    if (/^w/i.test(op)) written += value;
  }
  return [read, written];
}
