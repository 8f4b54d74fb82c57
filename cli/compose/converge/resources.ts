import type { DeviceRequest, Service } from "../model.ts";

/** Limits, devices and rates of a service as the API's HostConfig has them. */
export function resourcesOf(service: Service): object {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const bytes = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const requests = [...(reservations?.devices ?? []), ...(service.gpus ?? [])].map(deviceRequest);
  return {
    CgroupParent: service.cgroup_parent ?? "",
    CpuShares: service.cpu_shares ?? 0,
    CpuPeriod: service.cpu_period ?? 0,
    CpuQuota: service.cpu_quota ?? 0,
    CpuRealtimePeriod: service.cpu_rt_period ?? 0,
    CpuRealtimeRuntime: service.cpu_rt_runtime ?? 0,
    CpuCount: service.cpu_count ?? 0,
    CpuPercent: service.cpu_percent ?? 0,
    CpusetCpus: service.cpuset ?? "",
    NanoCpus: Math.round((limits?.cpus ?? service.cpus ?? 0) * 1e9),
    Memory: bytes(limits?.memory ?? service.mem_limit) ?? 0,
    MemoryReservation: bytes(reservations?.memory ?? service.mem_reservation) ?? 0,
    MemorySwap: bytes(service.memswap_limit) ?? 0,
    MemorySwappiness: bytes(service.mem_swappiness) ?? null,
    OomKillDisable: service.oom_kill_disable ?? false,
    PidsLimit: limits?.pids ?? service.pids_limit ?? null,
    DeviceCgroupRules: service.device_cgroup_rules ?? [],
    Devices: (service.devices ?? []).map(({ source, target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target ?? source,
      CgroupPermissions: permissions ?? "rwm",
    })),
    DeviceRequests: requests,
    Ulimits: [...(service.ulimits ?? [])]
      .sort(byName)
      .map(([Name, limit]) =>
        typeof limit === "number"
          ? { Name, Soft: limit, Hard: limit }
          : { Name, Soft: limit.soft, Hard: limit.hard },
      ),
    ...blkioOf(service),
  };
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

function deviceRequest({ driver, count, device_ids: ids, capabilities, options }: DeviceRequest): object {
  return {
    Driver: driver ?? "",
    Count: count ?? (ids === undefined ? -1 : 0),
    DeviceIDs: ids ?? [],
    Capabilities: [capabilities ?? ["gpu"]],
    Options: Object.fromEntries(options ?? []),
  };
}

function blkioOf({ blkio_config: io }: Service): object {
  if (io === undefined) return {};
  const rates = (items: readonly { readonly path: string; readonly rate: string }[] | undefined) =>
    (items ?? []).map(({ path, rate }) => ({ Path: path, Rate: Number(rate) }));
  return {
    BlkioWeight: io.weight ?? 0,
    BlkioWeightDevice: (io.weight_device ?? []).map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(io.device_read_bps),
    BlkioDeviceReadIOps: rates(io.device_read_iops),
    BlkioDeviceWriteBps: rates(io.device_write_bps),
    BlkioDeviceWriteIOps: rates(io.device_write_iops),
  };
}
