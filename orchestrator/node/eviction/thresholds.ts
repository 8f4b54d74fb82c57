import { Fault } from "#base/fault.ts";
import { parseQuantity, wholeUnits } from "#orchestrator/machinery/quantity.ts";

/** What of a node may become scarce. @see Kubernetes documentation, Node-pressure Eviction */
export const signals = {
  "memory.available": { resource: "memory", condition: "MemoryPressure" },
  "nodefs.available": { resource: "ephemeral-storage", condition: "DiskPressure" },
  "nodefs.inodesFree": { resource: "inodes", condition: "DiskPressure" },
  "imagefs.available": { resource: "ephemeral-storage", condition: "DiskPressure" },
  "imagefs.inodesFree": { resource: "inodes", condition: "DiskPressure" },
  "pid.available": { resource: "pids", condition: "PIDPressure" },
} as const satisfies Readonly<
  Record<string, { readonly resource: string; readonly condition: PressureType }>
>;

export type PressureType = "MemoryPressure" | "DiskPressure" | "PIDPressure";
export type Signal = keyof typeof signals;

/** Less than this is too little: an amount, or a share of what there is. */
export interface Threshold {
  readonly signal: Signal;
  /** As it was written. */
  readonly text: string;
}

/** Upstream's own. */
export const usualThresholds: readonly Threshold[] = parseThresholds(
  "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%",
);

/** Thresholds as a kubelet's `--eviction-hard` has them: `memory.available<100Mi,nodefs.available<10%`. @throws {Fault} `invalid` */
export function parseThresholds(text: string): readonly Threshold[] {
  return text
    .split(",")
    .filter((one) => one !== "")
    .map((one) => {
      const [signal = "", amount = "", ...rest] = one.split("<");
      if (rest.length > 0 || amount === "" || !Object.hasOwn(signals, signal))
        throw new Fault("invalid", `invalid eviction threshold ${JSON.stringify(one)}`);
      const threshold = { signal: signal as Signal, text: amount };
      if (!(amountOf(threshold, 100) >= 0))
        throw new Fault("invalid", `invalid eviction threshold ${JSON.stringify(one)}`);
      return threshold;
    });
}

/** In units, of so much that there is; NaN for what is no amount. */
export function amountOf({ text }: Threshold, capacity: number): number {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return (capacity * Number(percent)) / 100;
  try {
    return wholeUnits(parseQuantity(text));
  } catch {
    return Number.NaN;
  }
}
