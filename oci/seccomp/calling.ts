import type { Abi } from "./syscalls.ts";

/** One call as a filter sees it. @see Linux, include/uapi/linux/seccomp.h: struct seccomp_data */
export interface SystemCall {
  /** AUDIT_ARCH_*, see {@link auditArchOf}. */
  readonly arch: number;
  /** As in the register, unsigned: with x32's bit. */
  readonly number: number;
  /** Six, unsigned and 64 bits wide. */
  readonly args: readonly bigint[];
}

/** @see Linux, include/uapi/linux/audit.h */
export const auditArchOf: Readonly<Record<Abi, number>> = {
  x86_64: 0xc000003e,
  x32: 0xc000003e,
  x86: 0x40000003,
  aarch64: 0xc00000b7,
  arm: 0x40000028,
};

/** Set in the number of an x32 call, which otherwise looks like x86-64's. */
export const X32_BIT = 0x4000_0000;
