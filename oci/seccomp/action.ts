/** What the kernel does with a call: a seccomp return value. @see Linux, include/uapi/linux/seccomp.h: SECCOMP_RET_* */
export type Action = number;

export const KILL_PROCESS: Action = 0x80000000;
export const KILL_THREAD: Action = 0;
export const TRAP: Action = 0x00030000;
export const NOTIFY: Action = 0x7fc00000;
export const LOG: Action = 0x7ffc0000;
export const ALLOW: Action = 0x7fff0000;

export const EPERM = 1;
export const ENOSYS = 38;

/** The call is not made and fails with the error number. */
export function fail(errno: number): Action {
  return 0x00050000 + errno;
}

/** A tracer decides and gets the message; without one the call fails with ENOSYS. */
export function trace(message: number): Action {
  return 0x7ff00000 + message;
}

/** Whether calls nobody has thought of yet go through, or may. */
export function isPermissive(action: Action): boolean {
  return action === ALLOW || action === LOG || action >>> 16 === 0x7ff0;
}
