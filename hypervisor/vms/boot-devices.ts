import { Fault } from "#base/fault.ts";
import type { BlockDeviceRecord, NetDeviceRecord } from "./records.ts";

/**
 * The devices that a machine is to boot from, by uuid, or by a name such as `virtio-disk0`.
 *
 * @throws {Fault} `invalid` for what the machine does not have
 */
export function resolveBootDevices(
  asked: readonly string[],
  blockDevices: readonly BlockDeviceRecord[],
  netDevices: readonly NetDeviceRecord[],
): readonly string[] {
  const all = [...blockDevices, ...netDevices].map(({ uuid }) => uuid);
  return asked
    .filter((name) => name !== "")
    .map((name) => {
      if (all.includes(name)) return name;
      const named = blockDevices.find((device) => nameOf(device) === name);
      if (named === undefined) throw new Fault("invalid", `The VM has no device '${name}' to boot from`);
      return named.uuid;
    });
}

function nameOf({ type, slot }: BlockDeviceRecord): string {
  return `${type.toLowerCase().replaceAll("_", "-")}${slot}`;
}
