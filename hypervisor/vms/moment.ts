import { Fault } from "#base/fault.ts";
import { freezeDisks, stilled } from "./freeze.ts";
import {
  type BlockDeviceRecord,
  kinds,
  type NetDeviceRecord,
  type SnapshotRecord,
  type VmRecord,
} from "./records.ts";
import { blockDevicesOf, getVm, netDevicesOf, type VmDeps } from "./vm-deps.ts";

/** A machine at one moment; its layers are still. */
export interface Moment {
  readonly vm: VmRecord;
  readonly blockDevices: readonly BlockDeviceRecord[];
  readonly netDevices: readonly NetDeviceRecord[];
}

/**
 * The machine as it was in a snapshot, or as it is now: all its disks at once, with the guest's file systems at rest where it can
 * see to that.
 *
 * @param snapUUID empty for now
 * @throws {Fault} `not-found`
 */
export async function momentOf(
  deps: VmDeps,
  uuid: string,
  snapUUID: string,
  signal: AbortSignal,
): Promise<Moment> {
  const { records, locks } = deps;
  getVm(records, uuid);
  if (snapUUID !== "") return inSnapshot(deps, uuid, snapUUID);
  return await locks.run(uuid, async () => {
    const devices = blockDevicesOf(records, uuid);
    const { blockDevices } = await stillNow(deps, uuid, devices, signal);
    return { vm: getVm(records, uuid), blockDevices, netDevices: netDevicesOf(records, uuid) };
  });
}

/** Stills disks of a machine whose lock the caller holds, and tells whether its file systems were at rest. */
export async function stillNow(
  deps: VmDeps,
  uuid: string,
  devices: readonly BlockDeviceRecord[],
  signal: AbortSignal,
): Promise<{ readonly blockDevices: readonly BlockDeviceRecord[]; readonly quiesced: boolean }> {
  let frozen: ReadonlyMap<string, string> = new Map();
  const freeze = async () => {
    frozen = await freezeDisks(deps, uuid, devices, signal);
  };
  const agent = deps.machines.find(uuid)?.agent;
  const quiesced = agent === undefined ? (await freeze(), true) : await agent.quiesced(freeze);
  return { blockDevices: devices.map((device) => stilled(device, frozen)), quiesced };
}

function inSnapshot({ records }: VmDeps, uuid: string, snapUUID: string): Moment {
  const snapshot = records.find<SnapshotRecord>(kinds.snapshot, snapUUID);
  if (snapshot === undefined || snapshot.domainUUID !== uuid)
    throw new Fault("not-found", `VM ${uuid} has no snapshot ${snapUUID}`);
  return snapshot;
}
