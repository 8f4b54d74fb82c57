import { existsSync } from "node:fs";
import type { LayerRecord } from "#hypervisor/disks/layer-store.ts";
import { activeFileOf, freezeDrives } from "./drive-operations.ts";
import type { Running } from "./machine-table.ts";
import { type BlockDeviceRecord, kinds } from "./records.ts";
import { blockDevicesOf, getVm, type VmDeps } from "./vm-deps.ts";

/**
 * Puts new layers on disks of one machine, all at one moment, so that what they had is still and can be shared. The caller holds
 * the machine's lock, or none of its operations is under way.
 *
 * A layer that is about to be the topmost is recorded before QEMU is told: whatever dies, the next daemon asks QEMU, or finds QEMU
 * gone, and then an empty layer on top is as good as none.
 *
 * @returns the still layer of each disk, by the device's uuid
 */
export async function freezeDisks(
  deps: VmDeps,
  vmUUID: string,
  devices: readonly BlockDeviceRecord[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { layers, records, machines } = deps;
  const disks = devices.filter(({ layer }) => layer !== undefined);
  const frozen = new Map(disks.map(({ uuid, layer = "" }) => [uuid, layer]));
  if (disks.length === 0) return frozen;
  const { userId } = getVm(records, vmUUID);
  await layers.adding(async () => {
    const next = new Map<string, LayerRecord>();
    for (const { uuid, layer = "", capacity } of disks)
      next.set(uuid, await layers.create({ parent: layer, capacityBytes: capacity, userId }, signal));
    await records.change((changes) => {
      for (const device of disks) {
        const layer = next.get(device.uuid) as LayerRecord;
        layers.record(changes, layer);
        changes.put(kinds.blockDevice, { ...device, nextLayer: layer.uuid } as BlockDeviceRecord);
      }
    });
    const running = machines.find(vmUUID);
    try {
      if (running !== undefined) await switchOver(deps, running, next, signal);
      await settle(deps, disks, () => true);
    } catch (error) {
      await settle(deps, disks, () => false);
      throw error;
    }
  });
  return frozen;
}

/** A device as it was when {@link freezeDisks} has put a new layer on it: on the one that is still now. */
export function stilled(device: BlockDeviceRecord, frozen: ReadonlyMap<string, string>): BlockDeviceRecord {
  const layer = frozen.get(device.uuid);
  return layer === undefined ? device : { ...device, layer };
}

/** Finishes what an earlier daemon had begun. */
export async function finishFreezes(deps: VmDeps, vmUUID: string, signal: AbortSignal): Promise<void> {
  const { layers, records, machines } = deps;
  const left = blockDevicesOf(records, vmUUID).filter(({ nextLayer }) => nextLayer !== undefined);
  if (left.length === 0) return;
  const machine = machines.find(vmUUID)?.machine;
  const isOnNext = new Map<string, boolean>();
  for (const { uuid, nextLayer = "" } of left) {
    const file = machine === undefined ? undefined : await activeFileOf(machine, uuid, signal);
    const isNext =
      machine === undefined ? existsSync(layers.pathOf(nextLayer)) : file?.endsWith(layers.fileOf(nextLayer));
    isOnNext.set(uuid, isNext === true);
  }
  await settle(deps, left, (uuid) => isOnNext.get(uuid) === true);
}

async function switchOver(
  { layers }: VmDeps,
  { machine }: Running,
  next: ReadonlyMap<string, LayerRecord>,
  signal: AbortSignal,
): Promise<void> {
  const drives = [...next].map(([drive, layer]) => ({
    drive,
    layer: layer.uuid,
    file: layers.fileOf(layer.uuid),
  }));
  await freezeDrives(machine, drives, signal);
}

async function settle(
  { records, layers }: VmDeps,
  devices: readonly BlockDeviceRecord[],
  isOnNext: (uuid: string) => boolean,
): Promise<void> {
  for (const { uuid, layer = "" } of devices) if (isOnNext(uuid)) layers.still(layer);
  await records.change((changes) => {
    for (const { uuid } of devices) {
      const device = records.find<BlockDeviceRecord>(kinds.blockDevice, uuid);
      if (device === undefined) continue;
      const { nextLayer, ...rest } = device;
      if (nextLayer === undefined) continue;
      changes.put(
        kinds.blockDevice,
        (isOnNext(uuid) ? { ...rest, layer: nextLayer } : rest) as BlockDeviceRecord,
      );
    }
  });
}
