import { randomBytes, randomUUID } from "node:crypto";
import type { VirDomain, VirDomainBlockDevice, VirDomainNetDevice } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { checkMachineType, machineTypeOf } from "./machine-types.ts";
import type { BlockDeviceRecord, NetDeviceRecord, VmRecord } from "./records.ts";
import { freeSlot, isDisk } from "./vm-deps.ts";

/** What clients say of a machine: anything of it may be absent. */
export type DomainBody = Partial<Omit<VirDomain, "blockDevs" | "netDevs">> & {
  readonly blockDevs?: readonly Partial<VirDomainBlockDevice>[];
  readonly netDevs?: readonly Partial<VirDomainNetDevice>[];
};

const firstUserId = 1_800_000_000;
const nvramBytes = 540_672;
const noAffinity = { strictAffinity: false, preferredNodeUUID: "", backupNodeUUID: "" };
const maxVCPU = 240;
const maxDevices = 64;

/** @throws {Fault} `invalid` for what no machine can have */
export function checkDomain(body: DomainBody): void {
  const { name, mem, numVCPU, machineType, netDevs = [], blockDevs = [] } = body;
  if (name !== undefined && (name.length > 255 || /[\p{Cc}]/u.test(name)))
    throw new Fault("invalid", "Invalid name");
  if (mem !== undefined && (mem < 0 || mem > 2 ** 44)) throw new Fault("invalid", `Invalid mem ${mem}`);
  if (numVCPU !== undefined && (numVCPU < 0 || numVCPU > maxVCPU))
    throw new Fault("invalid", `Invalid numVCPU ${numVCPU}`);
  if (machineType !== undefined && machineType !== "") checkMachineType(machineType);
  if (netDevs.length > maxDevices || blockDevs.length > maxDevices)
    throw new Fault("invalid", `A VM has at most ${maxDevices} devices of a kind`);
}

export function newVm(
  body: DomainBody,
  machineTypeKeyword: string,
  host: { readonly nowS: number; readonly userIds: Iterable<number> },
): VmRecord {
  const machineType =
    body.machineType !== undefined && body.machineType !== "" ? body.machineType : undefined;
  return {
    uuid: randomUUID(),
    name: body.name ?? "",
    description: body.description ?? "",
    tags: body.tags ?? "",
    operatingSystem: body.operatingSystem ?? "os_other",
    machineType: machineType ?? machineTypeOf(machineTypeKeyword),
    cpuType: body.cpuType ?? "clusterBaseline-7.3",
    memBytes: body.mem ?? 0,
    numVCPU: body.numVCPU ?? 0,
    affinityStrategy: { ...noAffinity, ...body.affinityStrategy },
    bootDevices: [],
    snapshotScheduleUUID: body.snapshotScheduleUUID ?? "",
    desiredDisposition: "SHUTOFF",
    cloudInitData: { userData: "", metaData: "", ...body.cloudInitData },
    userId: freeUserId(host.userIds),
    created: host.nowS,
    modified: host.nowS,
    snapshotSerialNumber: 0,
    sourceVirDomainUUID: "",
    lastSeenRunningOnNodeUUID: "",
    hasCrashed: false,
  };
}

/** @throws {Fault} `invalid` for a size or a slot that no device can have */
export function newBlockDevice(
  vm: string,
  body: Partial<VirDomainBlockDevice>,
  others: readonly BlockDeviceRecord[],
  nowS: number,
): BlockDeviceRecord {
  const { type = "VIRTIO_DISK", capacity = 0, slot = -1 } = body;
  if (capacity < 0 || capacity > 2 ** 46) throw new Fault("invalid", `Invalid capacity ${capacity}`);
  if (isDisk(type) && capacity === 0) throw new Fault("invalid", "A disk needs a capacity");
  return {
    uuid: randomUUID(),
    virDomainUUID: vm,
    type,
    cacheMode: body.cacheMode ?? "NONE",
    capacity: type === "NVRAM" ? nvramBytes : type === "IDE_CDROM" ? 0 : capacity,
    slot: chosenSlot(others, type, slot),
    name: "",
    disableSnapshotting: body.disableSnapshotting ?? false,
    tieringPriorityFactor: body.tieringPriorityFactor ?? 8,
    readOnly: false,
    createdTimestamp: nowS,
  };
}

/** @throws {Fault} `invalid` for a slot that is taken or that there is not */
export function chosenSlot(
  others: readonly BlockDeviceRecord[],
  type: BlockDeviceRecord["type"],
  slot: number,
): number {
  if (slot < 0 || type === "NVRAM" || type === "VTPM") return freeSlot(others, type);
  if (slot > 255) throw new Fault("invalid", `Invalid slot ${slot}`);
  if (others.some((device) => device.type === type && device.slot === slot))
    throw new Fault("invalid", `Slot ${slot} of ${type} is taken`);
  return slot;
}

/** @throws {Fault} `invalid` for a VLAN or a MAC that there is not */
export function newNetDevice(vm: string, body: Partial<VirDomainNetDevice>): NetDeviceRecord {
  const { vlan = 0, macAddress = "" } = body;
  checkNetDevice(body);
  return {
    uuid: randomUUID(),
    virDomainUUID: vm,
    type: body.type ?? "INTEL_E1000",
    macAddress: macAddress === "" ? newMac() : macAddress,
    vlan,
    connected: body.connected ?? true,
  };
}

/** @throws {Fault} `invalid` */
export function checkNetDevice({ vlan, macAddress }: Partial<VirDomainNetDevice>): void {
  if (vlan !== undefined && (vlan < 0 || vlan > 4094)) throw new Fault("invalid", `Invalid vlan ${vlan}`);
  if (macAddress !== undefined && macAddress !== "" && !/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(macAddress))
    throw new Fault("invalid", `Invalid macAddress '${macAddress}'`);
}

/** Of the prefix that the real product's machines have. */
export function newMac(): string {
  const own = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["7C", "4C", "58", ...own].join(":").toUpperCase();
}

function freeUserId(taken: Iterable<number>): number {
  const used = new Set(taken);
  let id = firstUserId;
  while (used.has(id)) id++;
  return id;
}
