/** What a machine is made of when it starts. Pure data, in QEMU's terms: paths are absolute, sizes in bytes. */
export interface MachineSpec {
  readonly uuid: string;
  readonly name: string;
  readonly memBytes: number;
  readonly vcpus: number;
  readonly firmware: Firmware;
  /** Whom QEMU runs as, once it has opened what it needs. */
  readonly userId: number;
  readonly drives: readonly DriveSpec[];
  readonly nics: readonly NicSpec[];
  /** Uuids of drives and NICs; the firmware tries them in this order. */
  readonly bootOrder: readonly string[];
  readonly sockets: MachineSockets;
  /** Paused before the first instruction. */
  readonly isPaused: boolean;
}

export type Firmware =
  | { readonly kind: "bios" }
  | {
      readonly kind: "uefi";
      readonly codePath: string;
      /** Variables of this machine alone. */
      readonly varsPath: string;
      /** Of a TPM emulator. */
      readonly tpmSocket?: string;
    };

export type DriveBus = "virtio" | "ide" | "scsi" | "ide-cdrom" | "floppy";
export type CacheMode = "none" | "writeback" | "writethrough";

export interface DriveSpec {
  readonly uuid: string;
  readonly bus: DriveBus;
  readonly slot: number;
  /** Absent: an empty drive. */
  readonly medium?: { readonly path: string; readonly format: "qcow2" | "raw"; readonly isReadOnly: boolean };
  readonly cache: CacheMode;
}

export interface NicSpec {
  readonly uuid: string;
  readonly model: "virtio-net-pci" | "e1000" | "rtl8139" | "pcnet";
  readonly mac: string;
  /** The name of a tap device that is there. */
  readonly tap: string;
  readonly isConnected: boolean;
}

/** Paths of unix sockets. */
export interface MachineSockets {
  readonly qmp: string;
  readonly agent: string;
  readonly vnc: string;
  readonly serial: string;
}

/** Of a drive's own bytes: QEMU allows 31 characters. */
export function nodeNameOf(uuid: string): string {
  return `d${uuid.replaceAll("-", "").slice(0, 30)}`;
}

/** Of the device that a guest sees. */
export function deviceIdOf(uuid: string): string {
  return `v${uuid.replaceAll("-", "").slice(0, 30)}`;
}
