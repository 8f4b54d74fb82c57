import type {
  VirDomainBlockDevice,
  VirDomainBlockDeviceType,
  VirDomainNetDevice,
  VirDomainNetDeviceType,
} from "#api/hypercore/types.ts";
import type { DefinedDisk, DefinedNic, Definition } from "#hypervisor/transfer/definition.ts";
import { firmwareOf, isMachineType } from "./machine-types.ts";
import type { DomainBody } from "./new-vm.ts";
import type { BlockDeviceRecord, NetDeviceRecord, VmRecord } from "./records.ts";

const diskKinds: Partial<Record<VirDomainBlockDeviceType, Pick<DefinedDisk, "kind" | "bus">>> = {
  VIRTIO_DISK: { kind: "disk", bus: "virtio" },
  SCSI_DISK: { kind: "disk", bus: "scsi" },
  IDE_DISK: { kind: "disk", bus: "ide" },
  IDE_CDROM: { kind: "cdrom", bus: "ide" },
  IDE_FLOPPY: { kind: "floppy", bus: "ide" },
};

const models: Record<VirDomainNetDeviceType, DefinedNic["model"]> = {
  VIRTIO: "virtio",
  INTEL_E1000: "e1000",
  RTL8139: "rtl8139",
  PCNET: "pcnet",
};

/** What is exported beside the definition. */
export interface ExportedFiles {
  /** By the uuid of the device. */
  readonly imageOf: ReadonlyMap<string, string>;
  readonly nvram?: string;
}

/** A machine as its export tells it. Media stay behind, as they belong to the library; so does cloud-init's. */
export function defineVm(
  vm: VmRecord,
  blockDevices: readonly BlockDeviceRecord[],
  netDevices: readonly NetDeviceRecord[],
  { imageOf, nvram }: ExportedFiles,
  template: DomainBody,
): Definition {
  const bootOrder = (uuid: string) => {
    const at = vm.bootDevices.indexOf(uuid);
    return at === -1 ? {} : { bootOrder: at + 1 };
  };
  const isOwnSeed = ({ name, type }: BlockDeviceRecord) =>
    type === "IDE_CDROM" && name.startsWith("cloud-init-");
  const disks = blockDevices.flatMap((device): readonly DefinedDisk[] => {
    const known = diskKinds[device.type];
    if (known === undefined || isOwnSeed(device)) return [];
    const cache = device.cacheMode.toLowerCase() as DefinedDisk["cache"];
    const image = imageOf.get(device.uuid);
    return [
      {
        ...known,
        slot: Math.max(0, device.slot),
        cache,
        ...(image !== undefined && { image }),
        ...bootOrder(device.uuid),
      },
    ];
  });
  const hasNvram = nvram !== undefined || blockDevices.some(({ type }) => type === "NVRAM");
  return {
    name: template.name ?? vm.name,
    description: template.description ?? vm.description,
    uuid: vm.uuid,
    memBytes: template.mem ?? vm.memBytes,
    numVCPU: template.numVCPU ?? vm.numVCPU,
    operatingSystem: template.operatingSystem ?? vm.operatingSystem,
    tags: (template.tags ?? vm.tags).split(",").filter((tag) => tag !== ""),
    cpuType: vm.cpuType,
    machineType: vm.machineType,
    disks,
    nics: netDevices.map(({ uuid, macAddress, type, vlan, connected }) => ({
      mac: macAddress,
      model: models[type],
      vlan,
      isConnected: connected,
      ...bootOrder(uuid),
    })),
    ...(hasNvram && { nvram: nvram === undefined ? {} : { image: nvram } }),
    hasTpm: blockDevices.some(({ type }) => type === "VTPM"),
  };
}

/** What stands in a definition, as a client would ask for it, with what the template says otherwise. */
export function bodyOfDefinition(of: Definition, template: DomainBody): DomainBody {
  const fallback = of.nvram === undefined ? "scale-bios-9.3" : "scale-uefi-9.3";
  return {
    name: template.name ?? of.name,
    description: template.description ?? of.description,
    tags: template.tags ?? of.tags.join(","),
    mem: template.mem ?? of.memBytes,
    numVCPU: template.numVCPU ?? of.numVCPU,
    operatingSystem: template.operatingSystem ?? of.operatingSystem,
    machineType: isMachineType(of.machineType) ? of.machineType : fallback,
    ...(of.cpuType !== "" && { cpuType: of.cpuType }),
    ...(template.cloudInitData !== undefined && { cloudInitData: template.cloudInitData }),
  };
}

/** The drive that a definition's disk is to be; `capacity` is its image's. */
export function driveBody(disk: DefinedDisk, capacity: number): Partial<VirDomainBlockDevice> {
  const found = Object.entries(diskKinds).find(
    ([, { kind, bus }]) => kind === disk.kind && (kind !== "disk" || bus === disk.bus),
  );
  const [type = "VIRTIO_DISK"] = found ?? [];
  return {
    type: type as VirDomainBlockDeviceType,
    capacity,
    slot: disk.slot,
    cacheMode: disk.cache.toUpperCase() as VirDomainBlockDevice["cacheMode"],
  };
}

export function nicBody({ mac, model, vlan, isConnected }: DefinedNic): Partial<VirDomainNetDevice> {
  const [type] = Object.entries(models).find(([, name]) => name === model) ?? [];
  return { type: type as VirDomainNetDeviceType, macAddress: mac, vlan, connected: isConnected };
}

/** Drives that only a machine's firmware has. */
export function firmwareDrives(of: Definition, machineType: string): readonly VirDomainBlockDeviceType[] {
  const isUefi = firmwareOf(machineType) !== "bios";
  return [
    ...(of.nvram !== undefined && isUefi ? (["NVRAM"] as const) : []),
    ...(of.hasTpm && isUefi ? (["VTPM"] as const) : []),
  ];
}
