import type { LinuxContainerResources } from "#api/cri/messages.ts";
import type { HostConfig } from "#api/docker/container.ts";

type Limits = Pick<
  HostConfig,
  | "CpuPeriod"
  | "CpuQuota"
  | "CpuShares"
  | "CpusetCpus"
  | "CpusetMems"
  | "Memory"
  | "MemorySwap"
  | "OomScoreAdj"
>;

/** Limits of a container. Swap is not limited by itself: the limit is of memory and swap together. */
export function limitsOf(resources: LinuxContainerResources): Limits {
  const memory = resources.memoryLimitInBytes ?? 0;
  const swap = resources.memorySwapLimitInBytes ?? 0;
  return {
    CpuPeriod: resources.cpuPeriod ?? 0,
    CpuQuota: resources.cpuQuota ?? 0,
    CpuShares: resources.cpuShares ?? 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    Memory: memory > 0 ? memory : 0,
    MemorySwap: swap > 0 && memory > 0 ? Math.max(swap, memory) : 0,
    OomScoreAdj: resources.oomScoreAdj ?? 0,
  };
}
