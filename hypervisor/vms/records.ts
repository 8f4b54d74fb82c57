import type {
  CloudInitData,
  VirDomainAffinityStrategy,
  VirDomainBlockDeviceCacheMode,
  VirDomainBlockDeviceType,
  VirDomainDisposition,
  VirDomainNetDeviceType,
} from "#api/hypercore/types.ts";
import type { StoredRecord } from "#hypervisor/metadata/record-store.ts";

/** What is kept of a machine. Its devices have records of their own, in the order of their creation. */
export interface VmRecord extends StoredRecord {
  readonly name: string;
  readonly description: string;
  readonly tags: string;
  readonly operatingSystem: string;
  readonly machineType: string;
  readonly cpuType: string;
  readonly memBytes: number;
  readonly numVCPU: number;
  readonly affinityStrategy: VirDomainAffinityStrategy;
  readonly bootDevices: readonly string[];
  readonly snapshotScheduleUUID: string;
  readonly desiredDisposition: VirDomainDisposition;
  readonly cloudInitData: CloudInitData;
  /** Whom its QEMU runs as: nobody else's. */
  readonly userId: number;
  /** Unix seconds. */
  readonly created: number;
  readonly modified: number;
  readonly snapshotSerialNumber: number;
  readonly sourceVirDomainUUID: string;
  readonly lastSeenRunningOnNodeUUID: string;
  readonly hasCrashed: boolean;
}

export interface BlockDeviceRecord extends StoredRecord {
  readonly virDomainUUID: string;
  readonly type: VirDomainBlockDeviceType;
  readonly cacheMode: VirDomainBlockDeviceCacheMode;
  readonly capacity: number;
  readonly slot: number;
  readonly name: string;
  readonly disableSnapshotting: boolean;
  readonly tieringPriorityFactor: number;
  readonly readOnly: boolean;
  /** Unix seconds. */
  readonly createdTimestamp: number;
  /** Its topmost layer, if it is a disk. */
  readonly layer?: string;
  /** The one that is about to become the topmost: it is, once its file is there. */
  readonly nextLayer?: string;
  /** What is in the drive. */
  readonly isoUUID?: string;
}

export interface NetDeviceRecord extends StoredRecord {
  readonly virDomainUUID: string;
  readonly type: VirDomainNetDeviceType;
  readonly macAddress: string;
  readonly vlan: number;
  readonly connected: boolean;
}

export interface SnapshotRecord extends StoredRecord {
  readonly domainUUID: string;
  readonly label: string;
  readonly type: "USER" | "AUTOMATED" | "SUPPORT";
  readonly timestamp: number;
  readonly serialNumber: number;
  readonly automatedTriggerTimestamp: number;
  readonly localRetainUntilTimestamp: number;
  readonly remoteRetainUntilTimestamp: number;
  readonly replication: boolean;
  readonly quiesced: boolean;
  /** The machine as it was. */
  readonly vm: VmRecord;
  readonly blockDevices: readonly BlockDeviceRecord[];
  readonly netDevices: readonly NetDeviceRecord[];
}

export interface ReplicationRecord extends StoredRecord {
  readonly sourceDomainUUID: string;
  readonly connectionUUID: string;
  readonly enable: boolean;
  readonly label: string;
}

export const kinds = {
  vm: "vm",
  blockDevice: "block-device",
  netDevice: "net-device",
  virtualDisk: "virtual-disk",
  iso: "iso",
  snapshot: "snapshot",
  schedule: "snapshot-schedule",
  replication: "replication",
  export: "export",
} as const;
