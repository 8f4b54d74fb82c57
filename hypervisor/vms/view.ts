import type {
  GuestAgentState,
  TaskTagStatus,
  VirDomain,
  VirDomainBlockDevice,
  VirDomainNetDevice,
  VirDomainState,
  VirDomainUIState,
} from "#api/hypercore/types.ts";
import { keywordOf } from "./machine-types.ts";
import type { BlockDeviceRecord, NetDeviceRecord, VmRecord } from "./records.ts";

/** What is seen of a machine beside its records, at the time of the request. */
export interface VmSight {
  readonly state: VirDomainState;
  readonly transition?: VirDomainUIState;
  /** Empty when it does not run. */
  readonly nodeUUID: string;
  readonly nodeIP: string;
  readonly guestAgentState: GuestAgentState;
  /** By MAC in upper case. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** By uuid of the block device. */
  readonly mountPoints: ReadonlyMap<string, readonly string[]>;
  readonly allocatedBytes: (layer: string) => number;
  readonly latestTaskTag: TaskTagStatus;
  readonly snapUUIDs: readonly string[];
  readonly replicationUUIDs: readonly string[];
}

/** A machine as clients read it. */
export function virDomainOf(
  vm: VmRecord,
  blockDevices: readonly BlockDeviceRecord[],
  netDevices: readonly NetDeviceRecord[],
  sight: VmSight,
): VirDomain {
  return {
    uuid: vm.uuid,
    nodeUUID: sight.nodeUUID,
    name: vm.name,
    description: vm.description,
    operatingSystem: vm.operatingSystem,
    state: sight.state,
    desiredDisposition: vm.desiredDisposition,
    // The screen is reached by a websocket of the API, with its authentication; no port is open.
    console: { type: "VNC", ip: sight.nodeUUID === "" ? "" : sight.nodeIP, port: 0, keymap: "en-us" },
    mem: vm.memBytes,
    numVCPU: vm.numVCPU,
    blockDevs: blockDevices.map((device) => blockDeviceOf(device, sight)),
    netDevs: netDevices.map((device) => netDeviceOf(device, sight)),
    deprecated_stats: [],
    created: vm.created,
    modified: vm.modified,
    latestTaskTag: sight.latestTaskTag,
    tags: vm.tags,
    bootDevices: vm.bootDevices,
    uiState: sight.transition ?? sight.state,
    snapUUIDs: sight.snapUUIDs,
    snapshotSerialNumber: vm.snapshotSerialNumber,
    replicationUUIDs: sight.replicationUUIDs,
    sourceVirDomainUUID: vm.sourceVirDomainUUID,
    snapshotListSerialNumber: vm.snapshotSerialNumber,
    snapshotScheduleUUID: vm.snapshotScheduleUUID,
    machineType: vm.machineType,
    cpuType: vm.cpuType,
    snapshotAllocationBlocks: 0,
    guestAgentState: sight.guestAgentState,
    lastSeenRunningOnNodeUUID: vm.lastSeenRunningOnNodeUUID,
    isTransient: false,
    affinityStrategy: vm.affinityStrategy,
    vsdUUIDsToDelete: [],
    cloudInitData: vm.cloudInitData,
    initialCloneSnapshotUUID: "",
    machineTypeKeyword: keywordOf(vm.machineType),
  };
}

export function blockDeviceOf(
  device: BlockDeviceRecord,
  sight: Pick<VmSight, "mountPoints" | "allocatedBytes">,
): VirDomainBlockDevice {
  const { layer, nextLayer: _, isoUUID, ...record } = device;
  const allocation = layer === undefined ? 0 : sight.allocatedBytes(layer);
  return {
    ...record,
    allocation,
    physical: allocation,
    shareUUID: layer === undefined ? "" : device.uuid,
    path: isoUUID !== undefined ? `scribe/${isoUUID}` : layer === undefined ? "" : `scribe/${device.uuid}`,
    mountPoints: sight.mountPoints.get(device.uuid) ?? [],
  };
}

export function netDeviceOf(
  device: NetDeviceRecord,
  { addresses }: Pick<VmSight, "addresses">,
): VirDomainNetDevice {
  return { ...device, ipv4Addresses: addresses.get(device.macAddress.toUpperCase()) ?? [] };
}
