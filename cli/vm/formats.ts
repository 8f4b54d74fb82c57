import type { VirDomain, VirDomainSnapshot } from "#api/hypercore/types.ts";
import type { Columns } from "../formats/formatter.ts";
import { rfc3339, timeAgo } from "../formats/text.ts";
import { formatBinary } from "../output/units.ts";

/** A machine in a list. */
export interface MachineRow {
  readonly vm: VirDomain;
  readonly address: string;
  readonly now: Date;
}

export const machineColumns: Columns<MachineRow> = {
  Name: ["NAME", ({ vm }) => vm.name],
  State: ["STATE", ({ vm }) => vm.uiState],
  Address: ["ADDRESS", ({ address }) => address],
  CPUs: ["CPUS", ({ vm }) => vm.numVCPU],
  Memory: ["MEMORY", ({ vm }) => formatBinary(vm.mem)],
  Disk: ["DISK", ({ vm }) => formatBinary(diskBytes(vm))],
  Snapshots: ["SNAPSHOTS", ({ vm }) => vm.snapUUIDs.length],
  Tags: ["TAGS", ({ vm }) => vm.tags],
  Description: ["DESCRIPTION", ({ vm }) => vm.description],
  GuestAgent: ["GUEST AGENT", ({ vm }) => vm.guestAgentState],
  CreatedAt: ["CREATED AT", ({ vm }) => rfc3339(vm.created)],
  RunningFor: ["CREATED", ({ vm, now }) => timeAgo(vm.created, now)],
  UUID: ["UUID", ({ vm }) => vm.uuid],
  ID: ["UUID", ({ vm }) => vm.uuid],
};

export const machineTable =
  "{{.Name}}\t{{.State}}\t{{.Address}}\t{{.CPUs}}\t{{.Memory}}\t{{.Disk}}\t{{.RunningFor}}\t{{.UUID}}";

/** Virtual size of all disks; media in drives are none. */
function diskBytes({ blockDevs }: VirDomain): number {
  return blockDevs
    .filter(({ type }) => type.endsWith("_DISK"))
    .reduce((sum, { capacity }) => sum + capacity, 0);
}

/** A snapshot in a list. */
export interface SnapshotRow {
  readonly snapshot: VirDomainSnapshot;
  readonly now: Date;
}

export const snapshotColumns: Columns<SnapshotRow> = {
  Number: ["NUMBER", ({ snapshot }) => snapshot.domain.snapshotSerialNumber],
  Label: ["LABEL", ({ snapshot }) => snapshot.label],
  Machine: ["MACHINE", ({ snapshot }) => snapshot.domain.name],
  Type: ["TYPE", ({ snapshot }) => snapshot.type],
  Quiesced: ["QUIESCED", ({ snapshot }) => snapshot.quiesced],
  CreatedAt: ["CREATED AT", ({ snapshot }) => rfc3339(snapshot.timestamp)],
  RunningFor: ["CREATED", ({ snapshot, now }) => timeAgo(snapshot.timestamp, now)],
  UUID: ["UUID", ({ snapshot }) => snapshot.uuid],
  ID: ["UUID", ({ snapshot }) => snapshot.uuid],
};

/** A disk image or an ISO image of the library. */
export interface ImageRow {
  readonly kind: "disk" | "iso";
  readonly uuid: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** What it takes of the storage. */
  readonly allocatedBytes: number;
  /** Names of the machines that have it in a drive. */
  readonly mounts: readonly string[];
}

export const imageColumns: Columns<ImageRow> = {
  Name: ["NAME", ({ name }) => name],
  Kind: ["KIND", ({ kind }) => kind],
  Size: ["SIZE", ({ sizeBytes }) => formatBinary(sizeBytes)],
  Allocated: ["ALLOCATED", ({ allocatedBytes }) => formatBinary(allocatedBytes)],
  InDrivesOf: ["IN DRIVES OF", ({ mounts }) => mounts.join(",")],
  UUID: ["UUID", ({ uuid }) => uuid],
  ID: ["UUID", ({ uuid }) => uuid],
};
