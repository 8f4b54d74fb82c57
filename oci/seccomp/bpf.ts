/** One instruction of classic BPF. @see Linux, include/uapi/linux/filter.h: struct sock_filter */
export interface Instruction {
  readonly code: number;
  /** How many instructions to skip if a test succeeds, 0 to 255. */
  readonly yes: number;
  /** And if it fails. */
  readonly no: number;
  readonly k: number;
}

/** The instructions a filter is made of here; the kernel has a few more. @see Linux, include/uapi/linux/bpf_common.h */
export const LOAD = 0x20;
export const AND = 0x54;
export const JUMP = 0x05;
export const JUMP_EQUAL = 0x15;
export const JUMP_AT_LEAST = 0x35;
export const JUMP_ANY_BIT = 0x45;
export const RETURN = 0x06;

/** BPF_MAXINSNS. */
export const MAX_INSTRUCTIONS = 4096;

const INSTRUCTION_BYTES = 8;

/** Offsets into the data a filter sees. @see Linux, include/uapi/linux/seccomp.h: struct seccomp_data */
export const NUMBER_OFFSET = 0;
export const ARCH_OFFSET = 4;

/** Of the lower or upper half of an argument; both architectures we run on are little-endian. */
export function argumentOffset(index: number, half: "lower" | "upper"): number {
  return 16 + 8 * index + (half === "upper" ? 4 : 0);
}

/** The program as the kernel takes it on a little-endian machine. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, yes, no, k }, at) => {
    view.setUint16(at * INSTRUCTION_BYTES, code, true);
    view.setUint8(at * INSTRUCTION_BYTES + 2, yes);
    view.setUint8(at * INSTRUCTION_BYTES + 3, no);
    view.setUint32(at * INSTRUCTION_BYTES + 4, k, true);
  });
  return bytes;
}

export function decodeProgram(bytes: Uint8Array): readonly Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, index) => {
    const at = index * INSTRUCTION_BYTES;
    return {
      code: view.getUint16(at, true),
      yes: view.getUint8(at + 2),
      no: view.getUint8(at + 3),
      k: view.getUint32(at + 4, true),
    };
  });
}
