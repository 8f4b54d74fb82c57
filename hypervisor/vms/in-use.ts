import type { VirtualDiskRecord } from "#hypervisor/disks/virtual-disk-library.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type SnapshotRecord } from "./records.ts";

/** The layers that devices, snapshots and uploaded disks are made of; those below them left out. */
export function* layersInUse(records: RecordStore): Generator<string> {
  const devices = records.list<BlockDeviceRecord>(kinds.blockDevice);
  const kept = records.list<SnapshotRecord>(kinds.snapshot).flatMap(({ blockDevices }) => blockDevices);
  for (const { layer, nextLayer } of [...devices, ...kept]) {
    if (layer !== undefined) yield layer;
    if (nextLayer !== undefined) yield nextLayer;
  }
  for (const { layer } of records.list<VirtualDiskRecord>(kinds.virtualDisk)) yield layer;
}

/** Every NIC's uuid. */
export function nicsInUse(records: RecordStore): ReadonlySet<string> {
  return new Set(records.list<NetDeviceRecord>(kinds.netDevice).map(({ uuid }) => uuid));
}
