import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type {
  VirDomainBlockDeviceCacheMode,
  VirDomainBlockDeviceType,
  VirDomainNetDeviceType,
} from "#api/hypercore/types.ts";
import type {
  CacheMode,
  DriveBus,
  DriveSpec,
  Firmware,
  MachineSockets,
  MachineSpec,
  NicSpec,
} from "#hypervisor/qemu/machine-spec.ts";
import type { BlockDeviceRecord, NetDeviceRecord, VmRecord } from "./records.ts";

const buses: Partial<Record<VirDomainBlockDeviceType, DriveBus>> = {
  VIRTIO_DISK: "virtio",
  IDE_DISK: "ide",
  SCSI_DISK: "scsi",
  IDE_CDROM: "ide-cdrom",
  IDE_FLOPPY: "floppy",
};

const caches: Record<VirDomainBlockDeviceCacheMode, CacheMode> = {
  NONE: "none",
  WRITEBACK: "writeback",
  WRITETHROUGH: "writethrough",
};

const models: Record<VirDomainNetDeviceType, NicSpec["model"]> = {
  VIRTIO: "virtio-net-pci",
  INTEL_E1000: "e1000",
  RTL8139: "rtl8139",
  PCNET: "pcnet",
};

/** What the plan needs to know of the host. */
export interface MachinePlace {
  readonly firmware: Firmware;
  readonly sockets: MachineSockets;
  /** Files relative to QEMU's folder. */
  readonly fileOfLayer: (layer: string) => string;
  readonly fileOfIso: (iso: string) => string;
  readonly tapOf: (device: string) => string;
  /** The disks' file system can be read and written past the host's cache. */
  readonly canBypassCache: boolean;
}

/** The machine that QEMU is to be. A machine that names nothing to boot from boots its first disk. */
export function planMachine(
  vm: VmRecord,
  blockDevices: readonly BlockDeviceRecord[],
  netDevices: readonly NetDeviceRecord[],
  place: MachinePlace,
): MachineSpec {
  const drives = blockDevices.flatMap((device) => driveOf(device, place) ?? []);
  const isKnown = (uuid: string) =>
    drives.some((drive) => drive.uuid === uuid) || netDevices.some((device) => device.uuid === uuid);
  const asked = vm.bootDevices.filter(isKnown);
  const first =
    drives.find(({ bus }) => bus === "virtio") ?? drives.find(({ medium }) => medium !== undefined);
  return {
    uuid: vm.uuid,
    name: vm.name,
    memBytes: vm.memBytes,
    vcpus: vm.numVCPU,
    firmware: place.firmware,
    userId: vm.userId,
    drives,
    nics: netDevices.map((device) => nicOf(device, place)),
    bootOrder: asked.length > 0 || first === undefined ? asked : [first.uuid],
    sockets: place.sockets,
    isPaused: false,
  };
}

/** Undefined for what is no drive: a firmware's variables, a TPM's state. */
export function driveOf(
  device: BlockDeviceRecord,
  place: Omit<MachinePlace, "firmware" | "sockets" | "tapOf">,
): DriveSpec | undefined {
  const bus = buses[device.type];
  if (bus === undefined) return undefined;
  const cache = caches[device.cacheMode];
  const base = { uuid: device.uuid, bus, slot: Math.max(0, device.slot) };
  const usual = cache === "none" && !place.canBypassCache ? "writeback" : cache;
  if (device.isoUUID !== undefined) {
    const path = place.fileOfIso(device.isoUUID);
    return { ...base, cache: "writeback", medium: { path, format: "raw", isReadOnly: true } };
  }
  if (device.layer === undefined) return { ...base, cache: usual };
  const path = place.fileOfLayer(device.layer);
  return { ...base, cache: usual, medium: { path, format: "qcow2", isReadOnly: device.readOnly } };
}

export function nicOf(device: NetDeviceRecord, { tapOf }: Pick<MachinePlace, "tapOf">): NicSpec {
  return {
    uuid: device.uuid,
    model: models[device.type],
    mac: device.macAddress,
    tap: tapOf(device.uuid),
    isConnected: device.connected,
  };
}

/** Removes what only the firmware of machines that there are no more has read. */
export function collectFirmwareFiles(folder: string, machines: ReadonlySet<string>): void {
  for (const file of readdirSync(folder))
    if (/\.(fd|fd\.new|tpm)$/.test(file) && !machines.has(file.slice(0, file.indexOf("."))))
      rmSync(join(folder, file), { recursive: true, force: true });
}

/** Where a machine keeps what only its firmware reads. */
export function firmwareFiles(folder: string, uuid: string): { readonly vars: string; readonly tpm: string } {
  return { vars: join(folder, `${uuid}.fd`), tpm: join(folder, `${uuid}.tpm`) };
}
