import type { FlagValues } from "../flags.ts";
import type { limitFlags } from "./container-flags.ts";
import { parseBytes, parseCpus } from "./quantities.ts";

/** The limits of `run`, `create` and `update` as the API has them. */
export function limitsOf(values: FlagValues<typeof limitFlags>): Readonly<Record<string, unknown>> {
  const bytes = (text: string | undefined) => (text === undefined ? 0 : parseBytes(text));
  return {
    BlkioWeight: values["blkio-weight"] ?? 0,
    CpuPeriod: values["cpu-period"] ?? 0,
    CpuQuota: values["cpu-quota"] ?? 0,
    CpuRealtimePeriod: values["cpu-rt-period"] ?? 0,
    CpuRealtimeRuntime: values["cpu-rt-runtime"] ?? 0,
    CpuShares: values["cpu-shares"] ?? 0,
    NanoCpus: values.cpus === undefined ? 0 : parseCpus(values.cpus),
    CpusetCpus: values["cpuset-cpus"] ?? "",
    CpusetMems: values["cpuset-mems"] ?? "",
    Memory: bytes(values.memory),
    MemoryReservation: bytes(values["memory-reservation"]),
    MemorySwap: bytes(values["memory-swap"]),
    ...(values["pids-limit"] === undefined ? {} : { PidsLimit: values["pids-limit"] }),
    ...(values["kernel-memory"] === undefined ? {} : { KernelMemory: bytes(values["kernel-memory"]) }),
  };
}
