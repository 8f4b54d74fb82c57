import { Fault } from "#base/fault.ts";
import { sectorBytes } from "./boot-sector.ts";

/** A kernel as a boot loader lays it out in memory. */
export interface LinuxImage {
  /** The part that runs in real mode, with the fields that are a boot loader's set. */
  readonly setup: Buffer;
  readonly setupAddress: number;
  readonly commandLine: Buffer;
  readonly commandLineAddress: number;
  /** Where in the kernel's file the rest begins; a whole number of sectors. */
  readonly restAt: number;
  readonly restAddress: number;
  readonly initrdAddress: number;
}

const setupAddress = 0x10000;
const heapEnd = 0xe000;
const mebi = 1 << 20;

/**
 * What a boot loader would do at every start, done once.
 *
 * @throws {Fault} \`invalid\` for what is no kernel of boot protocol 2.12 or newer
 * @see Linux, Documentation/arch/x86/boot.rst
 */
export function planLinuxImage(kernel: Buffer, commandLine: string, initrdBytes: number): LinuxImage {
  if (
    kernel.length < 1024 ||
    kernel.toString("latin1", 0x202, 0x206) !== "HdrS" ||
    kernel.readUInt16LE(0x206) < 0x20c
  )
    throw new Fault("invalid", "this is no Linux kernel for x86");
  const line = Buffer.from(`${commandLine}\0`);
  if (line.length > Math.min(kernel.readUInt32LE(0x238), 2048))
    throw new Fault("invalid", "the kernel's command line is too long");
  const restAt = ((kernel[0x1f1] || 4) + 1) * sectorBytes;
  if (restAt > 0x8000) throw new Fault("invalid", "the kernel's real-mode part is too large");
  const initrdAddress = afterKernel(kernel);
  const setup = Buffer.from(kernel.subarray(0, restAt));
  setup[0x210] = 0xff; // a boot loader without a number
  setup[0x211] = (setup[0x211] ?? 0) | 0x80; // the heap's end is told
  setup.writeUInt32LE(initrdAddress, 0x218);
  setup.writeUInt32LE(initrdBytes, 0x21c);
  setup.writeUInt16LE(heapEnd - 0x200, 0x224);
  setup.writeUInt32LE(setupAddress + heapEnd, 0x228);
  return {
    setup,
    setupAddress,
    commandLine: line,
    commandLineAddress: setupAddress + heapEnd,
    restAt,
    restAddress: mebi,
    initrdAddress,
  };
}

/** Behind the place where the kernel unpacks itself to when it does not choose another. */
function afterKernel(kernel: Buffer): number {
  const end = Number(kernel.readBigUInt64LE(0x258)) + kernel.readUInt32LE(0x260);
  return Math.ceil(end / mebi) * mebi;
}
