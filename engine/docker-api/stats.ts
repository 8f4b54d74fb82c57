import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { type ContainerRecord, zeroTime } from "#engine/containers/record.ts";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import { json } from "./answer.ts";
import type { Call, Route } from "./call.ts";
import type { ContainerUsage } from "./usage.ts";

const INTERVAL_MS = 1000;

export interface StatsDeps {
  readonly containers: Containers;
  /** Of a running container; undefined when it does not run (any more). */
  readonly usage: (record: ContainerRecord) => Promise<ContainerUsage | undefined>;
  readonly host: { readonly memory: number; readonly cgroup: Pick<CgroupLayout, "kind"> };
  readonly now: Clock;
}

/** @see Docker Engine API v1.51, GET /containers/{id}/stats */
export function statsRoutes(deps: StatsDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/containers/{id}/stats",
      handle: async (call) => {
        const { query, version } = call;
        const { id } = deps.containers.get(call.name);
        const isStream = query.text("stream") === "" || query.boolean("stream");
        const isOneShot = version >= 41 && query.boolean("one-shot");
        if (isStream && isOneShot && query.has("stream"))
          throw new Fault("invalid", "cannot have stream=true and one-shot=true");
        if (!isStream || isOneShot) return json(await oneAnswer(deps, id, isOneShot, call));
        return {
          kind: "stream",
          type: "application/json",
          start: "now",
          onFailure: "cut",
          chunks: samples(deps, id, call.signal),
        };
      },
    },
  ];
}

interface Sample {
  readonly at: bigint;
  readonly usage: ContainerUsage;
}

async function oneAnswer(deps: StatsDeps, id: string, isOneShot: boolean, call: Call): Promise<object> {
  const begin = deps.now();
  const first = await sample(deps, id);
  if (first === undefined || isOneShot) return view(deps, deps.containers.get(id), first, undefined);
  await untilNext(deps, begin, call.signal);
  return view(deps, deps.containers.get(id), await sample(deps, id), first);
}

/** One a second, until the container or the client is gone; empty ones while it does not run. */
async function* samples(deps: StatsDeps, id: string, signal: AbortSignal): AsyncGenerator<string> {
  let before: Sample | undefined;
  for (;;) {
    const begin = deps.now();
    const now = await sample(deps, id);
    const record = findContainer(deps.containers, id);
    if (record === undefined) return;
    yield `${JSON.stringify(view(deps, record, now, before))}\n`;
    before = now;
    await untilNext(deps, begin, signal);
  }
}

/** What a sample takes is part of its second. */
async function untilNext({ now }: StatsDeps, begin: bigint, signal: AbortSignal): Promise<void> {
  const taken = Number((now() - begin) / 1_000_000n);
  await delay(Math.min(Math.max(INTERVAL_MS - taken, 1), INTERVAL_MS), undefined, { signal });
}

function findContainer(containers: Containers, id: string): ContainerRecord | undefined {
  try {
    return containers.get(id);
  } catch {
    return undefined;
  }
}

async function sample(deps: StatsDeps, id: string): Promise<Sample | undefined> {
  const record = findContainer(deps.containers, id);
  if (record === undefined || (record.state.status !== "running" && record.state.status !== "paused"))
    return undefined;
  const usage = await deps.usage(record);
  return usage === undefined ? undefined : { at: deps.now(), usage };
}

function view(
  deps: StatsDeps,
  record: ContainerRecord,
  now: Sample | undefined,
  before: Sample | undefined,
): object {
  const { networks = {} } = now?.usage ?? {};
  return {
    read: now === undefined ? zeroTime : formatTime(now.at),
    preread: now === undefined || before === undefined ? zeroTime : formatTime(before.at),
    pids_stats: pidsView(now?.usage),
    blkio_stats: blkioView(deps, now?.usage),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuView(now?.usage),
    precpu_stats: cpuView(now === undefined ? undefined : before?.usage),
    memory_stats: memoryView(deps, now?.usage),
    name: `/${record.name}`,
    id: record.id,
    ...(Object.keys(networks).length > 0 && { networks }),
  };
}

function pidsView(usage: ContainerUsage | undefined): object {
  if (usage?.pids === undefined) return {};
  const { current, limit } = usage.pids;
  return { current, ...(Number.isFinite(limit) && { limit }) };
}

/** v2 counts bytes alone. */
function blkioView({ host }: StatsDeps, usage: ContainerUsage | undefined): object {
  const none = usage === undefined || host.cgroup.kind === "v2" ? null : [];
  return {
    io_service_bytes_recursive: usage?.blockIo?.bytes ?? none,
    io_serviced_recursive: usage?.blockIo?.operations ?? none,
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

function cpuView(usage: ContainerUsage | undefined): object {
  const cpu = usage?.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0,
      ...(cpu?.perCpu && { percpu_usage: cpu.perCpu }),
      usage_in_kernelmode: cpu?.system ?? 0,
      usage_in_usermode: cpu?.user ?? 0,
    },
    ...(usage !== undefined && { system_cpu_usage: usage.hostCpu, online_cpus: usage.onlineCpus }),
    throttling_data: {
      periods: cpu?.periods ?? 0,
      throttled_periods: cpu?.throttledPeriods ?? 0,
      throttled_time: cpu?.throttled ?? 0,
    },
  };
}

/** `max_usage` and `failcnt` are of cgroup v1 only, and clients tell the versions apart by them. */
function memoryView({ host }: StatsDeps, usage: ContainerUsage | undefined): object {
  const memory = usage?.memory;
  if (memory === undefined) return {};
  const isV1 = host.cgroup.kind !== "v2";
  return {
    usage: memory.usage,
    ...(isV1 && memory.maxUsage !== undefined && { max_usage: memory.maxUsage }),
    stats: memory.stat,
    ...(isV1 && memory.failures > 0 && { failcnt: memory.failures }),
    limit: Math.min(memory.limit, host.memory),
  };
}
