import { Fault } from "#base/fault.ts";
import type { FlagValues } from "../flags.ts";
import type { limitFlags } from "./container-flags.ts";
import { parseBytes, parseCpus } from "./quantities.ts";

/** The limits of `run`, `create` and `update` as the API has them. */
export function limitsOf(values: FlagValues<typeof limitFlags>): Readonly<Record<string, unknown>> {
  const bytes = (text: string | undefined) => (text === undefined ? 0 : parseBytes(text));
  const weight = values["blkio-weight"] ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw new Fault("invalid", "Range of blkio weight is from 10 to 1000");
  return {
    BlkioWeight: weight,
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
