import type { VirtualDiskRecord } from "#hypervisor/disks/virtual-disk-library.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type SnapshotRecord } from "./records.ts";

/** The layers that devices, snapshots and uploaded disks are made of; those below them left out. */
export function* layersInUse(records: RecordStore): Generator<string> {
  yield* layersWritten(records);
  for (const { blockDevices } of records.list<SnapshotRecord>(kinds.snapshot))
    for (const { layer } of blockDevices) if (layer !== undefined) yield layer;
  for (const { layer } of records.list<VirtualDiskRecord>(kinds.virtualDisk)) yield layer;
}

/** Those of them that machines write, or are about to. */
export function* layersWritten(
  records: RecordStore,
  isMeant: (vmUUID: string) => boolean = () => true,
): Generator<string> {
  for (const { virDomainUUID, layer, nextLayer } of records.list<BlockDeviceRecord>(kinds.blockDevice)) {
    if (!isMeant(virDomainUUID)) continue;
    if (layer !== undefined) yield layer;
    if (nextLayer !== undefined) yield nextLayer;
  }
}

/** The uuids of machines' NICs. */
export function nicsInUse(
  records: RecordStore,
  isMeant: (vmUUID: string) => boolean = () => true,
): ReadonlySet<string> {
  const nics = records.list<NetDeviceRecord>(kinds.netDevice);
  return new Set(nics.filter(({ virDomainUUID }) => isMeant(virDomainUUID)).map(({ uuid }) => uuid));
}
