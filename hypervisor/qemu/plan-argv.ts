import { deviceIdOf, type DriveSpec, type MachineSpec, type NicSpec, nodeNameOf } from "./machine-spec.ts";

export type Accelerator = "kvm" | "tcg";

/** What QEMU inherits: a socket that listens already, for its monitor. */
export const monitorDescriptor = 3;

/**
 * The arguments that make QEMU this machine. It may start no process, take no privileges back, and reach nothing that is not
 * named here.
 *
 * @see QEMU 7.2, "Invocation"
 */
export function planArgv(spec: MachineSpec, accelerator: Accelerator): readonly string[] {
  return [
    ["-name", `guest=${escapeComma(spec.name)},process=gantry-vm`],
    ["-uuid", spec.uuid],
    ["-machine", `pc${spec.firmware.kind === "uefi" ? ",pflash0=code,pflash1=vars" : ""}`],
    ["-accel", accelerator === "tcg" ? "tcg,thread=multi" : accelerator],
    // TCG offers all that it can emulate; a guest on KVM gets what the host has.
    ["-cpu", accelerator === "kvm" ? "host" : "max"],
    ["-m", `size=${Math.max(1, Math.round(spec.memBytes / (1 << 20)))}M`],
    ["-smp", `cpus=${spec.vcpus},sockets=1,cores=${spec.vcpus},threads=1`],
    ["-nodefaults"],
    ["-no-user-config"],
    ["-sandbox", "on,obsolete=deny,spawn=deny,resourcecontrol=deny"],
    ["-runas", `${spec.userId}:${spec.userId}`],
    ["-msg", "timestamp=on"],
    ["-rtc", "base=utc,driftfix=slew"],
    ["-boot", "strict=on"],
    ["-vga", "std"],
    ["-device", "piix3-usb-uhci,id=usb"],
    ["-device", "usb-tablet,bus=usb.0"],
    ["-device", "virtio-rng-pci"],
    ["-device", "virtio-balloon-pci"],
    ...socketArgs(spec),
    ...firmwareArgs(spec),
    ...(spec.drives.some(({ bus }) => bus === "scsi") ? [["-device", "virtio-scsi-pci,id=scsi"]] : []),
    ...spec.drives.flatMap((drive) => driveArgs(drive, spec.bootOrder)),
    ...spec.nics.flatMap((nic) => nicArgs(nic, spec.bootOrder)),
    ...(spec.isPaused ? [["-S"]] : []),
  ].flat();
}

function socketArgs({ sockets }: MachineSpec): readonly (readonly string[])[] {
  const chardev = (id: string, path: string) =>
    `socket,id=${id},path=${escapeComma(path)},server=on,wait=off`;
  return [
    ["-chardev", `socket,id=qmp,fd=${monitorDescriptor},server=on,wait=off`],
    ["-mon", "chardev=qmp,mode=control"],
    ["-device", "virtio-serial-pci,id=channels"],
    ["-chardev", chardev("agent", sockets.agent)],
    // Only of a port with an id QEMU tells when the guest opens it.
    ["-device", "virtserialport,id=agent,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0"],
    ["-chardev", chardev("serial", sockets.serial)],
    ["-serial", "chardev:serial"],
    ["-vnc", `unix:${escapeComma(sockets.vnc)}`],
  ];
}

function firmwareArgs({ firmware }: MachineSpec): readonly (readonly string[])[] {
  if (firmware.kind === "bios") return [];
  const flash = (name: string, filename: string, isReadOnly: boolean) => [
    "-blockdev",
    JSON.stringify({
      driver: "raw",
      "node-name": name,
      "read-only": isReadOnly,
      file: { driver: "file", filename },
    }),
  ];
  const tpm =
    firmware.tpmSocket === undefined
      ? []
      : [
          ["-chardev", `socket,id=tpm,path=${escapeComma(firmware.tpmSocket)}`],
          ["-tpmdev", "emulator,id=tpm0,chardev=tpm"],
          ["-device", "tpm-crb,tpmdev=tpm0"],
        ];
  return [flash("code", firmware.codePath, true), flash("vars", firmware.varsPath, false), ...tpm];
}

function driveArgs(drive: DriveSpec, bootOrder: readonly string[]): readonly (readonly string[])[] {
  const blockdev = drive.medium === undefined ? [] : [["-blockdev", JSON.stringify(blockdevOf(drive))]];
  return [...blockdev, ["-device", JSON.stringify(deviceOf(drive, bootIndex(drive.uuid, bootOrder)))]];
}

/** The drive's bytes, as `-blockdev` and `blockdev-add` take them. An image's format is told, never found out. */
export function blockdevOf({ uuid, medium, cache }: DriveSpec): Readonly<Record<string, unknown>> {
  if (medium === undefined) throw new Error(`drive ${uuid} is empty`);
  const options = { direct: cache === "none", "no-flush": false };
  return {
    driver: medium.format,
    "node-name": nodeNameOf(uuid),
    "read-only": medium.isReadOnly,
    discard: "unmap",
    cache: options,
    file: {
      driver: "file",
      filename: medium.path,
      cache: options,
      ...(cache === "none" && { aio: "native" }),
    },
  };
}

/** The device that the guest sees, as `-device` and `device_add` take it. */
export function deviceOf(drive: DriveSpec, bootindex?: number): Readonly<Record<string, unknown>> {
  const common = {
    id: deviceIdOf(drive.uuid),
    ...(drive.medium !== undefined && { drive: nodeNameOf(drive.uuid) }),
    ...(bootindex !== undefined && { bootindex }),
  };
  const serial = drive.uuid.replaceAll("-", "").slice(0, 20);
  const writeCache = drive.cache === "writethrough" ? { "write-cache": "off" } : {};
  switch (drive.bus) {
    case "virtio":
      return { driver: "virtio-blk-pci", serial, ...writeCache, ...common };
    case "scsi":
      return { driver: "scsi-hd", bus: "scsi.0", lun: drive.slot % 256, serial, ...writeCache, ...common };
    case "ide":
      return { driver: "ide-hd", ...ideAddress(drive.slot, 0), serial, ...writeCache, ...common };
    case "ide-cdrom":
      return { driver: "ide-cd", ...ideAddress(drive.slot, 1), ...common };
    case "floppy":
      return { driver: "floppy", unit: drive.slot % 2, ...common };
    default:
      return drive.bus satisfies never;
  }
}

/** Disks have the first channel, CD-ROMs the second; further ones take what is left of the other. */
function ideAddress(slot: number, channel: 0 | 1): { readonly bus: string; readonly unit: number } {
  const own = slot < 2;
  return { bus: `ide.${own ? channel : 1 - channel}`, unit: own ? slot : 3 - slot };
}

function nicArgs(nic: NicSpec, bootOrder: readonly string[]): readonly (readonly string[])[] {
  const device = nicDeviceOf(nic, bootIndex(nic.uuid, bootOrder));
  return [
    ["-netdev", JSON.stringify(netdevOf(nic))],
    ["-device", JSON.stringify(device)],
  ];
}

/** The host's end of a NIC, as `-netdev` and `netdev_add` take it. */
export function netdevOf(nic: NicSpec): Readonly<Record<string, unknown>> {
  const id = `n${deviceIdOf(nic.uuid)}`;
  return { type: "tap", id, ifname: nic.tap, script: "no", downscript: "no" };
}

/** The NIC that the guest sees, as `-device` and `device_add` take it. */
export function nicDeviceOf(nic: NicSpec, bootindex?: number): Readonly<Record<string, unknown>> {
  const id = deviceIdOf(nic.uuid);
  return {
    driver: nic.model,
    id,
    netdev: `n${id}`,
    mac: nic.mac,
    ...(bootindex !== undefined && { bootindex }),
  };
}

function bootIndex(uuid: string, bootOrder: readonly string[]): number | undefined {
  const at = bootOrder.indexOf(uuid);
  return at === -1 ? undefined : at + 1;
}

function escapeComma(text: string): string {
  return text.replaceAll(",", ",,");
}
