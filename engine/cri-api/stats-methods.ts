import { metricType, type ContainerStats, type PodSandboxMetrics } from "#api/cri/messages.ts";
import type { runtimeService } from "#api/cri/services.ts";
import type { ContainerStatsFilter, PodSandboxStatsFilter } from "#api/cri/messages.ts";
import type { CriDeps } from "./cri-deps.ts";
import { selectContainers } from "./container-methods.ts";
import type { Answers } from "./methods.ts";
import { Stats } from "./stats.ts";
import { hasLabels } from "./values.ts";

type StatsMethods =
  | "containerStats"
  | "listContainerStats"
  | "streamContainerStats"
  | "podSandboxStats"
  | "listPodSandboxStats"
  | "streamPodSandboxStats"
  | "listMetricDescriptors"
  | "listPodSandboxMetrics"
  | "streamPodSandboxMetrics";

/** @see kubernetes/cri-api, runtime.v1 RuntimeService */
export function statsMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, StatsMethods> {
  const { pods } = deps;
  const stats = new Stats(deps);
  const containers = async (filter: ContainerStatsFilter | undefined) => {
    const all = pods.containers.list();
    stats.forgetOthers(new Set([...all.map(({ id }) => id), ...pods.sandboxes.list().map(({ id }) => id)]));
    const selected = selectContainers(deps, filter).filter(({ state }) => state.status === "running");
    return Promise.all(selected.map((record) => stats.ofContainer(record)));
  };
  const sandboxes = (filter: PodSandboxStatsFilter | undefined) => {
    const { id = "", labelSelector } = filter ?? {};
    const selected = pods.sandboxes
      .list()
      .filter(
        (record) =>
          record.state === "ready" &&
          record.id.startsWith(id) &&
          hasLabels(record.spec.labels, labelSelector),
      );
    return Promise.all(selected.map((record) => stats.ofPod(record)));
  };
  const metrics = async () =>
    (await sandboxes(undefined)).map((pod) => metricsOf(pod.linux?.containers ?? [], pod));
  return {
    containerStats: async ({ containerId }) => ({
      stats: await stats.ofContainer(pods.getContainer(containerId)),
    }),
    listContainerStats: async ({ filter }) => ({ stats: await containers(filter) }),
    streamContainerStats: async ({ filter }, send) => send({ containerStats: await containers(filter) }),
    podSandboxStats: async ({ podSandboxId }) => ({
      stats: await stats.ofPod(pods.sandboxes.get(podSandboxId)),
    }),
    listPodSandboxStats: async ({ filter }) => ({ stats: await sandboxes(filter) }),
    streamPodSandboxStats: async ({ filter }, send) => send({ podSandboxStats: await sandboxes(filter) }),
    listMetricDescriptors: () => ({
      descriptors: kinds.map(({ name, help }) => ({ name, help, labelKeys: ["id", "name"] })),
    }),
    listPodSandboxMetrics: async () => ({ podMetrics: await metrics() }),
    streamPodSandboxMetrics: async (_request, send) => send({ podSandboxMetrics: await metrics() }),
  };
}

/** As cAdvisor names them. */
const kinds = [
  {
    name: "container_cpu_usage_seconds_total",
    help: "Cumulative cpu time consumed in seconds.",
    type: metricType.COUNTER,
    of: ({ cpu }: ContainerStats) => Math.floor((cpu?.usageCoreNanoSeconds?.value ?? 0) / 1e9),
  },
  {
    name: "container_memory_working_set_bytes",
    help: "Current working set in bytes.",
    type: metricType.GAUGE,
    of: ({ memory }: ContainerStats) => memory?.workingSetBytes?.value ?? 0,
  },
  {
    name: "container_memory_usage_bytes",
    help: "Current memory usage in bytes, including all memory regardless of when it was accessed.",
    type: metricType.GAUGE,
    of: ({ memory }: ContainerStats) => memory?.usageBytes?.value ?? 0,
  },
  {
    name: "container_memory_rss",
    help: "Size of RSS in bytes.",
    type: metricType.GAUGE,
    of: ({ memory }: ContainerStats) => memory?.rssBytes?.value ?? 0,
  },
] as const;

function metricsOf(
  containers: readonly ContainerStats[],
  pod: { readonly attributes?: ContainerStats["attributes"] },
): PodSandboxMetrics {
  const metricsFor = (stats: ContainerStats) =>
    kinds.map(({ name, type, of }) => ({
      name,
      timestamp: stats.cpu?.timestamp ?? 0n,
      metricType: type,
      labelValues: [stats.attributes?.id ?? "", stats.attributes?.metadata?.name ?? ""],
      value: { value: of(stats) },
    }));
  return {
    podSandboxId: pod.attributes?.id ?? "",
    metrics: [],
    containerMetrics: containers.map((stats) => ({
      containerId: stats.attributes?.id ?? "",
      metrics: metricsFor(stats),
    })),
  };
}
