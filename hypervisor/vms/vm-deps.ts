import { Fault } from "#base/fault.ts";
import type { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { LayerStore } from "#hypervisor/disks/layer-store.ts";
import type { IsoLibrary } from "#hypervisor/images/iso-library.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import type { VirtualNetworks } from "#hypervisor/networks/virtual-networks.ts";
import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import type { MachineTable } from "./machine-table.ts";
import {
  type BlockDeviceRecord,
  kinds,
  type NetDeviceRecord,
  type ReplicationRecord,
  type SnapshotRecord,
  type VmRecord,
} from "./records.ts";

/** What everything that is done with machines needs. */
export interface VmDeps {
  readonly records: RecordStore;
  readonly layers: LayerStore;
  readonly isos: IsoLibrary;
  readonly networks: VirtualNetworks;
  readonly tasks: TaskList;
  readonly machines: MachineTable;
  /** By uuid of the machine: one change of it at a time. */
  readonly locks: KeyedLock;
  readonly nodeUUID: string;
  readonly now: () => Date;
  readonly log: Log;
}

export function secondsOf(now: () => Date): number {
  return Math.floor(now().getTime() / 1000);
}

/** @throws {Fault} `not-found` */
export function getVm(records: RecordStore, uuid: string): VmRecord {
  const vm = records.find<VmRecord>(kinds.vm, uuid);
  if (vm === undefined) throw new Fault("not-found", `There is no VM ${uuid}`);
  return vm;
}

/** The same as {@link blockDevicesOf} for all machines, in one pass. */
export function blockDevicesByVm(records: RecordStore): ReadonlyMap<string, readonly BlockDeviceRecord[]> {
  return Map.groupBy(records.list<BlockDeviceRecord>(kinds.blockDevice), (device) => device.virDomainUUID);
}

/** The same as {@link netDevicesOf} for all machines, in one pass. */
export function netDevicesByVm(records: RecordStore): ReadonlyMap<string, readonly NetDeviceRecord[]> {
  return Map.groupBy(records.list<NetDeviceRecord>(kinds.netDevice), (device) => device.virDomainUUID);
}

export function blockDevicesOf(records: RecordStore, vm: string): readonly BlockDeviceRecord[] {
  return records.list<BlockDeviceRecord>(kinds.blockDevice).filter((device) => device.virDomainUUID === vm);
}

export function netDevicesOf(records: RecordStore, vm: string): readonly NetDeviceRecord[] {
  return records.list<NetDeviceRecord>(kinds.netDevice).filter((device) => device.virDomainUUID === vm);
}

export function snapshotsOf(records: RecordStore, vm: string): readonly SnapshotRecord[] {
  return records.list<SnapshotRecord>(kinds.snapshot).filter((snapshot) => snapshot.domainUUID === vm);
}

export function replicationsOf(records: RecordStore, vm: string): readonly ReplicationRecord[] {
  return records
    .list<ReplicationRecord>(kinds.replication)
    .filter(({ sourceDomainUUID }) => sourceDomainUUID === vm);
}

/** The least slot that no device of the type has; firmware's own have none. */
export function freeSlot(devices: readonly BlockDeviceRecord[], type: BlockDeviceRecord["type"]): number {
  if (type === "NVRAM" || type === "VTPM") return -1;
  const taken = new Set(devices.filter((device) => device.type === type).map(({ slot }) => slot));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return slot;
}

export function isDisk(type: BlockDeviceRecord["type"]): boolean {
  return type === "VIRTIO_DISK" || type === "IDE_DISK" || type === "SCSI_DISK";
}
