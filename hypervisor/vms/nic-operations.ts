import type { Machine } from "#hypervisor/qemu/machine.ts";
import { deviceIdOf, type NicSpec } from "#hypervisor/qemu/machine-spec.ts";
import { netdevOf, nicDeviceOf } from "#hypervisor/qemu/plan-argv.ts";
import { QmpError } from "#hypervisor/qemu/qmp.ts";
import { unplugDevice } from "./drive-operations.ts";

/**
 * Adds a NIC, whose tap is there, to a machine that runs.
 *
 * @throws {QmpError} also when QEMU may not open /dev/net/tun as the user that it runs as
 */
export async function plugNic({ qmp }: Machine, nic: NicSpec, signal: AbortSignal): Promise<void> {
  const netdev = netdevOf(nic);
  await qmp.execute("netdev_add", netdev, signal);
  try {
    await qmp.execute("device_add", nicDeviceOf(nic), signal);
    if (!nic.isConnected) await qmp.execute("set_link", { name: deviceIdOf(nic.uuid), up: false }, signal);
  } catch (error) {
    await qmp.execute("netdev_del", { id: netdev["id"] }, signal);
    throw error;
  }
}

/** Takes a NIC out of a machine that runs, if its guest lets it go within a minute. @returns whether it has */
export async function unplugNic(machine: Machine, nic: NicSpec, signal: AbortSignal): Promise<boolean> {
  const { qmp } = machine;
  try {
    if (!(await unplugDevice(machine, deviceIdOf(nic.uuid), signal))) return false;
  } catch (error) {
    // It was to be there at the next start.
    if (!(error instanceof QmpError) || error.class !== "DeviceNotFound") throw error;
    return true;
  }
  if (!qmp.isClosed) await qmp.execute("netdev_del", { id: netdevOf(nic)["id"] }, signal);
  return true;
}
