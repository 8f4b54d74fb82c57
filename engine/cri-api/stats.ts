import { readFileSync, statSync } from "node:fs";
import type { ContainerStats, PodSandboxStats } from "#api/cri/messages.ts";
import type { ContainerRecord } from "#engine/containers/record.ts";
import type { SandboxRecord } from "#engine/pods/sandbox-record.ts";
import { parseCgroupParent } from "#engine/runtime/cgroup-parents.ts";
import { folderOf } from "#host/cgroup/layout.ts";
import { cpuUsage, type MemoryUsage, memoryUsage, pidsUsage } from "#host/cgroup/usage.ts";
import type { CriDeps } from "./cri-deps.ts";
import { mapOf } from "./values.ts";

interface Sample {
  readonly time: bigint;
  readonly total: number;
  readonly nanoCores: number;
}

/** Two samples closer together say nothing. */
const minIntervalNs = 500_000_000n;
const writtenLifeNs = 10_000_000_000n;

/** What pods and containers use. Remembers how much processor time it has seen, so that it can tell the rate. */
export class Stats {
  readonly #deps: CriDeps;
  readonly #samples = new Map<string, Sample>();
  readonly #written = new Map<string, { readonly time: bigint; readonly bytes: number }>();

  constructor(deps: CriDeps) {
    this.#deps = deps;
  }

  async ofContainer(record: ContainerRecord): Promise<ContainerStats> {
    const { pods, now, snapshotRoot } = this.#deps;
    const { id, pod } = record;
    const timestamp = now();
    const isRunning = record.state.status === "running";
    const usedBytes = await this.#writtenBytes(id, timestamp);
    return {
      attributes: {
        id,
        metadata: { name: pod?.name ?? "", attempt: pod?.attempt ?? 0 },
        labels: mapOf(pod?.labels ?? {}),
        annotations: mapOf(pod?.annotations ?? {}),
      },
      ...(isRunning && this.#processorAndMemory(id, pods.cgroups.pathOf(id), timestamp)),
      writableLayer: {
        timestamp,
        fsId: { mountpoint: snapshotRoot },
        usedBytes: { value: usedBytes },
        inodesUsed: { value: 0 },
      },
    };
  }

  /** Adding up the files of a container takes its time: what is a few seconds old will do. */
  async #writtenBytes(id: string, time: bigint): Promise<number> {
    const known = this.#written.get(id);
    if (known !== undefined && time - known.time < writtenLifeNs) return known.bytes;
    const bytes = await this.#deps.pods.containers.sizeRw(id).catch(() => 0);
    this.#written.set(id, { time, bytes });
    return bytes;
  }

  async ofPod(record: SandboxRecord): Promise<PodSandboxStats> {
    const { pods, now } = this.#deps;
    const { id, spec, pid } = record;
    const { name, uid, namespace, attempt, labels, annotations } = spec;
    const timestamp = now();
    const running = pods.containersOf(id).filter(({ state }) => state.status === "running");
    const containers = await Promise.all(running.map((container) => this.ofContainer(container)));
    const own = this.#ofPodCgroup(record, timestamp) ?? sumOf(containers, timestamp);
    return {
      attributes: {
        id,
        metadata: { name, uid, namespace, attempt },
        labels: mapOf(labels),
        annotations: mapOf(annotations),
      },
      linux: {
        ...own,
        ...(pid > 0 && spec.modes.network === "pod" && { network: networkOf(pid, timestamp) }),
        process: { timestamp, processCount: { value: this.#processesOf(running) } },
        containers,
      },
    };
  }

  #processesOf(running: readonly ContainerRecord[]): number {
    const { pods, host } = this.#deps;
    return running.reduce(
      (sum, { id }) => sum + (pidsUsage(host.cgroup, pods.cgroups.pathOf(id))?.current ?? 0),
      0,
    );
  }

  /** Forgets what is gone. */
  forgetOthers(ids: ReadonlySet<string>): void {
    for (const known of [this.#samples, this.#written])
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
  }

  #ofPodCgroup({ id, spec }: SandboxRecord, timestamp: bigint) {
    if (spec.cgroupParent === "") return undefined;
    const path = parseCgroupParent(spec.cgroupParent);
    const folder = folderOf(this.#deps.host.cgroup, "memory", path);
    try {
      statSync(folder ?? "");
    } catch {
      return undefined;
    }
    return this.#processorAndMemory(id, path, timestamp);
  }

  #processorAndMemory(id: string, cgroupPath: string, timestamp: bigint) {
    const { cgroup } = this.#deps.host;
    const cpu = cpuUsage(cgroup, cgroupPath);
    const memory = memoryUsage(cgroup, cgroupPath);
    return {
      ...(cpu !== undefined && {
        cpu: {
          timestamp,
          usageCoreNanoSeconds: { value: cpu.total },
          usageNanoCores: { value: this.#nanoCores(id, timestamp, cpu.total) },
        },
      }),
      ...(memory !== undefined && { memory: memoryOf(memory, timestamp), ...swapOf(memory, timestamp) }),
    };
  }

  #nanoCores(id: string, time: bigint, total: number): number {
    const before = this.#samples.get(id);
    if (before !== undefined && time - before.time < minIntervalNs) return before.nanoCores;
    const elapsed = before === undefined ? 0 : Number(time - before.time);
    const nanoCores =
      before === undefined || total < before.total ? 0 : Math.round(((total - before.total) * 1e9) / elapsed);
    this.#samples.set(id, { time, total, nanoCores });
    return nanoCores;
  }
}

function memoryOf({ usage, limit, stat }: MemoryUsage, timestamp: bigint) {
  const inactive = stat["total_inactive_file"] ?? stat["inactive_file"] ?? 0;
  const workingSet = Math.max(0, usage - inactive);
  const rss = stat["total_rss"] ?? stat["anon"] ?? 0;
  const faults = stat["total_pgfault"] ?? stat["pgfault"] ?? 0;
  const majorFaults = stat["total_pgmajfault"] ?? stat["pgmajfault"] ?? 0;
  return {
    timestamp,
    workingSetBytes: { value: workingSet },
    availableBytes: { value: Number.isFinite(limit) ? Math.max(0, limit - workingSet) : 0 },
    usageBytes: { value: usage },
    rssBytes: { value: rss },
    pageFaults: { value: faults },
    majorPageFaults: { value: majorFaults },
  };
}

function swapOf({ stat }: MemoryUsage, timestamp: bigint) {
  const used = stat["total_swap"] ?? stat["swap"];
  return used === undefined ? {} : { swap: { timestamp, swapUsageBytes: { value: used } } };
}

/** Of a pod without a cgroup of its own. */
function sumOf(containers: readonly ContainerStats[], timestamp: bigint) {
  const sum = (pick: (stats: ContainerStats) => number | undefined) =>
    containers.reduce((total, stats) => total + (pick(stats) ?? 0), 0);
  return {
    cpu: {
      timestamp,
      usageCoreNanoSeconds: { value: sum(({ cpu }) => cpu?.usageCoreNanoSeconds?.value) },
      usageNanoCores: { value: sum(({ cpu }) => cpu?.usageNanoCores?.value) },
    },
    memory: {
      timestamp,
      workingSetBytes: { value: sum(({ memory }) => memory?.workingSetBytes?.value) },
      usageBytes: { value: sum(({ memory }) => memory?.usageBytes?.value) },
      rssBytes: { value: sum(({ memory }) => memory?.rssBytes?.value) },
      pageFaults: { value: sum(({ memory }) => memory?.pageFaults?.value) },
      majorPageFaults: { value: sum(({ memory }) => memory?.majorPageFaults?.value) },
    },
  };
}

/** @see man 5 proc_pid_net */
function networkOf(pid: number, timestamp: bigint) {
  const interfaces = readText(`/proc/${pid}/net/dev`)
    .split("\n")
    .slice(2)
    .flatMap((line) => {
      const [name = "", counters] = line.trim().split(":");
      if (counters === undefined || name === "lo") return [];
      const fields = counters.trim().split(/\s+/).map(Number);
      const at = (index: number) => ({ value: fields[index] ?? 0 });
      return [{ name, rxBytes: at(0), rxErrors: at(2), txBytes: at(8), txErrors: at(10) }];
    });
  const [first] = interfaces;
  return { timestamp, ...(first !== undefined && { defaultInterface: first }), interfaces };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
