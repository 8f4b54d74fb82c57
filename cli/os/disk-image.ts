import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../bootstrap/run-program.ts";
import { bootSector, sectorBytes } from "./boot-sector.ts";
import { fatVolume } from "./fat-volume.ts";
import { planLinuxImage } from "./linux-image.ts";
import { masterBootRecord, partitionTypes } from "./master-boot-record.ts";
import { unifiedKernel } from "./unified-kernel.ts";

/** What starts the machine. */
export interface BootFiles {
  readonly kernel: Buffer;
  readonly initrd: Buffer;
  readonly stub: Buffer;
  readonly osRelease: Buffer;
  readonly commandLine: string;
}

/** Where things are on the disk, in sectors. */
export interface DiskPlan {
  /** The first bytes of the disk, up to and with the partition that starts it. */
  readonly head: readonly (readonly [sector: number, bytes: Buffer])[];
  readonly rootSector: number;
  readonly rootBytes: number;
}

const setupSector = 64;
const commandLineSector = 192;
const mebibyte = (1 << 20) / sectorBytes;
const efiSector = mebibyte;
const efiPath = ["EFI", "BOOT", "BOOTX64.EFI"];

/**
 * A disk that BIOS and UEFI start: partition 1 has the kernel with its initial RAM disk as one program for UEFI, of which the boot
 * sector reads the same pieces; partition 2 is the root file system.
 *
 * @param signature the disk's number, `seconds` the time of the file
 */
export function planDisk(
  boot: BootFiles,
  {
    signature,
    diskBytes,
    seconds,
  }: { readonly signature: number; readonly diskBytes: number; readonly seconds: number },
): DiskPlan {
  const { kernel, initrd, stub, osRelease, commandLine } = boot;
  const unified = unifiedKernel(stub, [
    [".osrel", osRelease],
    [".cmdline", Buffer.from(commandLine)],
    [".initrd", initrd],
    [".linux", kernel],
  ]);
  const volume = fatVolume(efiPath, unified.bytes.length, {
    partition: efiSector,
    serial: signature,
    seconds,
  });
  const sectorOf = (section: string) =>
    efiSector + (volume.head.length + (unified.at[section] ?? 0)) / sectorBytes;
  const linux = planLinuxImage(kernel, commandLine, initrd.length);
  const loads = [
    load(setupSector, linux.setup.length, linux.setupAddress),
    load(commandLineSector, linux.commandLine.length, linux.commandLineAddress),
    load(sectorOf(".linux") + linux.restAt / sectorBytes, kernel.length - linux.restAt, linux.restAddress),
    load(sectorOf(".initrd"), initrd.length, linux.initrdAddress),
  ];
  const rootSector = Math.ceil((efiSector + volume.sectors) / mebibyte) * mebibyte;
  const rootBytes = diskBytes - rootSector * sectorBytes;
  const record = masterBootRecord(bootSector(loads), signature, [
    { firstSector: efiSector, sectors: volume.sectors, type: partitionTypes.efi },
    { firstSector: rootSector, sectors: rootBytes / sectorBytes, type: partitionTypes.linux },
  ]);
  return {
    head: [
      [0, record],
      [setupSector, linux.setup],
      [commandLineSector, linux.commandLine],
      [efiSector, Buffer.concat([volume.head, unified.bytes])],
    ],
    rootSector,
    rootBytes,
  };
}

function load(firstSector: number, bytes: number, address: number) {
  return { firstSector, sectors: Math.ceil(bytes / sectorBytes), address };
}

/** Makes the root file system on the disk with the tree's own mke2fs: which one the machine has makes no difference. */
export async function makeRoot(
  disk: string,
  tree: string,
  root: {
    readonly label: string;
    readonly uuid: string;
    readonly sector: number;
    readonly bytes: number;
    readonly seconds: number;
  },
  signal: AbortSignal,
): Promise<void> {
  const extended = [
    `offset=${root.sector * sectorBytes}`,
    `hash_seed=${root.uuid}`,
    "root_owner=0:0",
    "lazy_itable_init=0",
    "lazy_journal_init=0",
  ];
  await runProgram(
    [
      join(tree, "usr/lib64/ld-linux-x86-64.so.2"),
      "--library-path",
      join(tree, "usr/lib/x86_64-linux-gnu"),
      join(tree, "usr/sbin/mke2fs"),
      "-q",
      "-F",
      "-t",
      "ext4",
      "-m",
      "1",
      "-L",
      root.label,
      "-U",
      root.uuid,
      "-E",
      extended.join(","),
      "-d",
      tree,
      disk,
      `${root.bytes / 1024}k`,
    ],
    {
      env: { SOURCE_DATE_EPOCH: String(root.seconds), MKE2FS_CONFIG: join(tree, "etc/mke2fs.conf") },
      signal,
    },
  );
}

/** Writes what comes before the root file system around it, and packs the whole. Whole or not at all. */
export async function packDisk(
  plan: DiskPlan,
  files: { readonly disk: string; readonly output: string },
  signal: AbortSignal,
): Promise<void> {
  const file = await open(files.disk, "r+");
  try {
    for (const [sector, bytes] of plan.head) await file.write(bytes, 0, bytes.length, sector * sectorBytes);
  } finally {
    await file.close();
  }
  const temporary = `${files.output}.${process.pid}.part`;
  try {
    await runProgram(
      [
        "qemu-img",
        "convert",
        "-q",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-c",
        "-m",
        "1",
        "-o",
        "compression_type=zstd,cluster_size=65536",
        files.disk,
        temporary,
      ],
      { signal },
    );
    await rename(temporary, files.output);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
