import type { ContainerStats } from "#api/cri/messages.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { readHostUsage } from "#host/usage.ts";
import { labelOf } from "../labels.ts";
import type { NodeDeps } from "../node-deps.ts";
import { nameOf, namespaceOf, uidOf } from "../pod.ts";

/** @see Kubernetes kubelet, stats/v1alpha1 Summary */
export async function statsSummary(
  deps: NodeDeps,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<object> {
  const [{ stats }, usage] = await Promise.all([
    deps.cri.runtime.listContainerStats({}, signal),
    readHostUsage(),
  ]);
  const time = new Date(deps.timers.now()).toISOString();
  const byPod = Map.groupBy(stats, (each) => each.attributes?.labels?.get(labelOf.podUid) ?? "");
  return {
    node: {
      nodeName: deps.nodeName,
      startTime: time,
      cpu: { time, usageCoreNanoSeconds: usage.cpuNanoSeconds },
      memory: {
        time,
        availableBytes: usage.memoryAvailableBytes,
        workingSetBytes: usage.memoryTotalBytes - usage.memoryAvailableBytes,
      },
    },
    pods: pods.map((pod) => ({
      podRef: { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) },
      startTime: pod.status?.startTime ?? null,
      containers: (byPod.get(uidOf(pod)) ?? []).map(containerSummary),
    })),
  };
}

function containerSummary({ attributes, cpu, memory, writableLayer }: Partial<ContainerStats>): object {
  return {
    name: attributes?.metadata?.name ?? "",
    cpu: {
      time: timeOf(cpu?.timestamp),
      usageNanoCores: Number(cpu?.usageNanoCores?.value ?? 0n),
      usageCoreNanoSeconds: Number(cpu?.usageCoreNanoSeconds?.value ?? 0n),
    },
    memory: {
      time: timeOf(memory?.timestamp),
      workingSetBytes: Number(memory?.workingSetBytes?.value ?? 0n),
      usageBytes: Number(memory?.usageBytes?.value ?? 0n),
      rssBytes: Number(memory?.rssBytes?.value ?? 0n),
    },
    rootfs: {
      time: timeOf(writableLayer?.timestamp),
      usedBytes: Number(writableLayer?.usedBytes?.value ?? 0n),
      inodesUsed: Number(writableLayer?.inodesUsed?.value ?? 0n),
    },
  };
}

function timeOf(nanoseconds: bigint | undefined): string {
  return new Date(Number((nanoseconds ?? 0n) / 1_000_000n)).toISOString();
}

/** What a metrics server reads. @see Kubernetes kubelet, /metrics/resource */
export async function resourceMetrics({ cri }: NodeDeps, signal: AbortSignal): Promise<string> {
  const { stats } = await cri.runtime.listContainerStats({}, signal);
  const rows = stats.map(({ attributes, cpu, memory }) => {
    const label = (name: string) => attributes?.labels?.get(name) ?? "";
    const labels = `container="${label(labelOf.containerName)}",namespace="${label(labelOf.podNamespace)}",pod="${label(labelOf.podName)}"`;
    const at = Number((cpu?.timestamp ?? 0n) / 1_000_000n);
    return {
      cpu: `container_cpu_usage_seconds_total{${labels}} ${Number(cpu?.usageCoreNanoSeconds?.value ?? 0n) / 1e9} ${at}`,
      memory: `container_memory_working_set_bytes{${labels}} ${Number(memory?.workingSetBytes?.value ?? 0n)} ${at}`,
    };
  });
  return [
    "# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed by the container in core-seconds",
    "# TYPE container_cpu_usage_seconds_total counter",
    ...rows.map(({ cpu }) => cpu),
    "# HELP container_memory_working_set_bytes Current working set of the container in bytes",
    "# TYPE container_memory_working_set_bytes gauge",
    ...rows.map(({ memory }) => memory),
    "",
  ].join("\n");
}
