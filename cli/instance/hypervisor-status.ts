import type { Context } from "../context.ts";
import { findHypervisor, type HypervisorFile } from "./hypervisor-file.ts";

export interface HypervisorStatus extends HypervisorFile {
  readonly pid: number;
  /** Absent when it does not answer, or not to us. */
  readonly machines?: number;
  readonly machinesRunning?: number;
}

const patienceMs = 5000;
const accelerators: Readonly<Record<string, string>> = { kvm: "KVM", tcg: "TCG (emulated)" };

/** The hypervisor of an instance; undefined when it does not run. */
export async function readHypervisorStatus(context: Context): Promise<HypervisorStatus | undefined> {
  const found = findHypervisor(context.instance.run);
  if (found === undefined) return undefined;
  try {
    const { openHypercore, unsetApi } = await import("../vm/open-hypercore.ts");
    const { isOn } = await import("../vm/power.ts");
    const { client } = await openHypercore(context, unsetApi, { asks: false });
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)]);
    const vms = await client.list("VirDomain", signal);
    return { ...found, machines: vms.length, machinesRunning: vms.filter(isOn).length };
  } catch {
    context.signal.throwIfAborted();
    return found;
  }
}

export function describeHypervisor(status: HypervisorStatus | undefined): readonly (readonly string[])[] {
  if (status === undefined) return [["hypervisor", "not running"]];
  const { url, accelerator, pid, machines, machinesRunning } = status;
  return [
    ["hypervisor", `${accelerators[accelerator] ?? accelerator} on ${url}, running (pid ${pid})`],
    ...(machines === undefined ? [] : [["machines", `${machinesRunning} running, ${machines} in all`]]),
  ];
}
