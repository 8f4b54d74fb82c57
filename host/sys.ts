import { closeSync } from "node:fs";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";

/** A path as text (UTF-8) or, when it may be anything, as its bytes without a NUL. */
export type Path = string | Uint8Array;

/** Whole seconds since 1970 (may be negative) and 0…999,999,999 nanoseconds. */
export interface TimeSpec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export const CLONE = {
  FS: 0x200,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

export const MS = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  REMOUNT: 0x20,
  BIND: 0x1000,
  MOVE: 0x2000,
  REC: 0x4000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
} as const;

export const MNT_DETACH = 2;

export const RESOLVE = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  IN_ROOT: 16,
} as const;

export const O_PATH = 0x200000;
export const O_CLOEXEC = 0x80000;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 1n;
const SYS_OPENAT2 = 437n;
const PR_SET_PDEATHSIG = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const SIGKILL = 9n;
const CAPABILITY_VERSION_3 = 0x20080522;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const longestSocketPath = 108;
const EAGAIN = 11;
const ENOBUFS = 105;
const ENODATA = 61;
const ENOTSUP = 95;

/** Changes the root of the calling process (of this thread alone after `unshare(CLONE.FS)`), and goes to its top. */
export function chroot(path: Path): void {
  check(libc().chroot(cString(path)), "chroot", path);
  check(libc().chdir("/"), "chdir", "/");
}

/** Goes to the folder that `fd` stands for, be it outside the root. */
export function fchdir(fd: number): void {
  check(libc().fchdir(fd), "fchdir");
}

/** Makes the folder that `fd` stands for the root, be it a detached mount or one that has no path any more. */
export function chrootTo(fd: number): void {
  check(libc().fchdir(fd), "fchdir");
  check(libc().chroot("."), "chroot", ".");
}

/**
 * Of the calling thread. A process that unshares `NEWNS` or `FS` must do everything that follows with synchronous calls on
 * the same thread: libuv's other threads stay where they were.
 */
export function unshare(flags: number): void {
  check(libc().unshare(flags), "unshare");
}

/** Moves the calling thread into the namespace that `fd` stands for; `type` 0 takes any. */
export function setns(fd: number, type: number): void {
  check(libc().setns(fd, type), "setns");
}

export function mount(
  source: Path | null,
  target: Path,
  type: string | null,
  flags: number,
  data: string | null,
): void {
  const from = source === null ? null : cString(source);
  check(libc().mount(from, cString(target), type, BigInt(flags), data), "mount", target);
}

export function umount(target: Path, flags = 0): void {
  check(libc().umount2(cString(target), flags), "umount2", target);
}

/** A detached copy of the mount at `path`, with or without the mounts below it. */
export function openTree(path: Path, options: { readonly recursive: boolean }): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC | (options.recursive ? AT_RECURSIVE : 0);
  return check(libc().open_tree(AT_FDCWD, cString(path), flags), "open_tree", path);
}

/** Makes a tree of {@link openTree} read-only, with everything below it. */
export function makeTreeReadOnly(tree: number): void {
  const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n]);
  const flags = AT_EMPTY_PATH | AT_RECURSIVE;
  check(libc().mount_setattr(tree, "", flags, attributes, BigInt(attributes.byteLength)), "mount_setattr");
}

export function moveMount(tree: number, target: Path): void {
  check(
    libc().move_mount(tree, "", AT_FDCWD, cString(target), MOVE_MOUNT_F_EMPTY_PATH),
    "move_mount",
    target,
  );
}

/** `mode` with the file type's bits. Does not follow a link at `path`. */
export function mknod(path: Path, mode: number, major: number, minor: number): void {
  check(libc().mknodat(AT_FDCWD, cString(path), mode, deviceNumber(major, minor)), "mknod", path);
}

/** As the kernel and glibc pack it. */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
  );
}

export function splitDevice(device: bigint): { readonly major: number; readonly minor: number } {
  return {
    major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}

/** Sets the extended attribute of the file itself, never of what a link points to. */
export function setXattr(path: Path, name: Path, value: Uint8Array): void {
  check(libc().lsetxattr(cString(path), cString(name), value, BigInt(value.length), 0), "lsetxattr", path);
}

/** Undefined when the file has no such attribute or its file system has none at all. */
export function findXattr(path: Path, name: Path): Buffer | undefined {
  const [file, key] = [cString(path), cString(name)];
  return readGrowing("lgetxattr", path, (into) => libc().lgetxattr(file, key, into, BigInt(into.length)));
}

/** Names as latin1 text, one character a byte; empty where the file system has no attributes. */
export function listXattrs(path: Path): readonly string[] {
  const file = cString(path);
  const list = readGrowing("llistxattr", path, (into) => libc().llistxattr(file, into, BigInt(into.length)));
  return list === undefined ? [] : list.toString("latin1").split("\0").slice(0, -1);
}

export function removeXattr(path: Path, name: Path): void {
  check(libc().lremovexattr(cString(path), cString(name)), "lremovexattr", path);
}

/** Sets the times of the file itself, never of what a link points to. */
export function setTimes(path: Path, atime: TimeSpec, mtime: TimeSpec): void {
  fillTimes(atime, mtime);
  check(libc().utimensat(AT_FDCWD, cString(path), times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
}

export function setTimesOf(fd: number, atime: TimeSpec, mtime: TimeSpec): void {
  fillTimes(atime, mtime);
  check(libc().futimens(fd, times), "futimens");
}

/** openat2(2): `resolve` says what a path may not do on its way ({@link RESOLVE}). Returns a descriptor, close-on-exec. */
export function openAt(
  folder: number,
  path: Path,
  how: { readonly flags: number; readonly mode?: number; readonly resolve: number },
): number {
  const open = new BigUint64Array([
    BigInt(how.flags | O_CLOEXEC),
    BigInt(how.mode ?? 0),
    BigInt(how.resolve),
  ]);
  const result = libc().syscall(SYS_OPENAT2, BigInt(folder), cString(path), open, BigInt(open.byteLength));
  return check(Number(result), "openat2", path);
}

/** Returns when everything written to the file system of `fd` is on its disk. */
export function syncFileSystem(fd: number): void {
  check(libc().syncfs(fd), "syncfs");
}

/**
 * Gives up, for this thread and those it starts, every capability but the ones numbered in `keep`, and the hope of getting
 * any back by running a program.
 */
export function keepCapabilities(keep: readonly number[]): void {
  const mask = keep.reduce((sum, capability) => sum | (1n << BigInt(capability)), 0n);
  const header = new Uint32Array([CAPABILITY_VERSION_3, 0]);
  const current = new Uint32Array(6);
  check(libc().capget(header, current), "capget");
  const [low, high] = [Number(mask & 0xffffffffn), Number(mask >> 32n)];
  const [permittedLow, permittedHigh] = [((current[1] ?? 0) & low) >>> 0, ((current[4] ?? 0) & high) >>> 0];
  const wanted = new Uint32Array([permittedLow, permittedLow, 0, permittedHigh, permittedHigh, 0]);
  check(libc().prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n), "prctl");
  check(libc().capset(header, wanted), "capset");
}

/** Files that this thread makes belong to that user and group. Capabilities for files are to be taken back by {@link keepCapabilities}. */
export function makeFilesAs(id: number): void {
  libc().setfsgid(id);
  libc().setfsuid(id);
}

/** The kernel kills this process when the thread that started it is gone. */
export function dieWithParent(): void {
  check(libc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n), "prctl");
}

/** A datagram socket connected to the one bound at `path`; not blocking, close-on-exec. The caller closes it. */
export function connectUnixDatagram(path: string): number {
  const name = Buffer.from(path);
  if (name.length >= longestSocketPath) throw systemError(36, "connect", path);
  const address = Buffer.alloc(2 + longestSocketPath);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  const fd = check(libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | O_CLOEXEC, 0), "socket");
  if (libc().connect(fd, address, address.length) === 0) return fd;
  const error = systemError(loaded?.readErrno() ?? 0, "connect", path);
  closeSync(fd);
  throw error;
}

/** Sends one datagram; false when the receiver's queue is full. */
export function sendDatagram(fd: number, bytes: Uint8Array): boolean {
  const sent = libc().send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0n) return true;
  const errno = loaded?.readErrno() ?? 0;
  if (errno === EAGAIN || errno === ENOBUFS) return false;
  throw systemError(errno, "send", undefined);
}

/** Gives memory that malloc has free, but keeps, back to the kernel. @see man 3 malloc_trim */
export function trimHeap(): void {
  libc().malloc_trim(0n);
}

const definitions = {
  __errno_location: { arguments: [], return: "pointer" },
  chroot: { arguments: ["pointer"], return: "i32" },
  chdir: { arguments: ["pointer"], return: "i32" },
  fchdir: { arguments: ["i32"], return: "i32" },
  unshare: { arguments: ["i32"], return: "i32" },
  setns: { arguments: ["i32", "i32"], return: "i32" },
  mount: { arguments: ["pointer", "pointer", "pointer", "u64", "pointer"], return: "i32" },
  umount2: { arguments: ["pointer", "i32"], return: "i32" },
  open_tree: { arguments: ["i32", "pointer", "u32"], return: "i32" },
  mount_setattr: { arguments: ["i32", "pointer", "u32", "pointer", "u64"], return: "i32" },
  move_mount: { arguments: ["i32", "pointer", "i32", "pointer", "u32"], return: "i32" },
  mknodat: { arguments: ["i32", "pointer", "u32", "u64"], return: "i32" },
  lsetxattr: { arguments: ["pointer", "pointer", "pointer", "u64", "i32"], return: "i32" },
  lgetxattr: { arguments: ["pointer", "pointer", "pointer", "u64"], return: "i64" },
  llistxattr: { arguments: ["pointer", "pointer", "u64"], return: "i64" },
  lremovexattr: { arguments: ["pointer", "pointer"], return: "i32" },
  utimensat: { arguments: ["i32", "pointer", "pointer", "i32"], return: "i32" },
  futimens: { arguments: ["i32", "pointer"], return: "i32" },
  socket: { arguments: ["i32", "i32", "i32"], return: "i32" },
  connect: { arguments: ["i32", "pointer", "u32"], return: "i32" },
  send: { arguments: ["i32", "pointer", "u64", "i32"], return: "i64" },
  setfsuid: { arguments: ["u32"], return: "i32" },
  setfsgid: { arguments: ["u32"], return: "i32" },
  malloc_trim: { arguments: ["u64"], return: "i32" },
  syncfs: { arguments: ["i32"], return: "i32" },
  prctl: { arguments: ["i32", "u64", "u64", "u64", "u64"], return: "i32" },
  capget: { arguments: ["pointer", "pointer"], return: "i32" },
  capset: { arguments: ["pointer", "pointer"], return: "i32" },
  syscall: { arguments: ["i64", "i64", "pointer", "pointer", "u64"], return: "i64" },
} as const;

type Libc = ReturnType<typeof import("node:ffi").dlopen<typeof definitions>>["functions"];

let loaded: { readonly libc: Libc; readonly readErrno: () => number } | undefined;

function libc(): Libc {
  loaded ??= load();
  return loaded.libc;
}

/** Opens libc at the first call: who imports this module pays nothing. The warning that node:ffi is experimental is not shown. */
function load(): NonNullable<typeof loaded> {
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  Reflect.set(process, "emitWarning", () => {});
  try {
    const ffi = process.getBuiltinModule("node:ffi");
    const libc = ffi.dlopen("libc.so.6", definitions).functions;
    // One thread, one errno: worker threads have a copy of this module and so of the address.
    const errno = libc.__errno_location();
    return { libc, readErrno: () => ffi.getInt32(errno) };
  } finally {
    Reflect.set(process, "emitWarning", emitWarning);
  }
}

function check(result: number, syscall: string, path?: Path): number {
  if (result < 0) throw systemError(loaded?.readErrno() ?? 0, syscall, path);
  return result;
}

/** Shaped like the errors of node:fs: `code`, `errno` (negative), `syscall`, `path`. */
function systemError(errno: number, syscall: string, path: Path | undefined): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  const subject =
    path === undefined ? "" : ` '${typeof path === "string" ? path : Buffer.from(path).toString()}'`;
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${getSystemErrorMessage(-errno)}, ${syscall}${subject}`,
  );
  error.code = code;
  error.errno = -errno;
  error.syscall = syscall;
  if (path !== undefined) error.path = typeof path === "string" ? path : Buffer.from(path).toString();
  return error;
}

/** What libc takes for a string. A NUL inside would silently cut the path short, so it is refused. */
function cString(path: Path): string | Uint8Array {
  if (typeof path === "string") {
    if (path.includes("\0")) throw systemError(22, "path", path.replaceAll("\0", "\\0"));
    return path;
  }
  if (path.includes(0)) throw systemError(22, "path", "(a path with a NUL)");
  const terminated = new Uint8Array(path.length + 1);
  terminated.set(path);
  return terminated;
}

const times = new BigInt64Array(4);

function fillTimes(atime: TimeSpec, mtime: TimeSpec): void {
  times[0] = BigInt(atime.seconds);
  times[1] = BigInt(atime.nanoseconds);
  times[2] = BigInt(mtime.seconds);
  times[3] = BigInt(mtime.nanoseconds);
}

const scratch = Buffer.alloc(4096);

/** Calls with a small buffer first, with the largest size there can be (64 KiB) when that was too small. */
function readGrowing(syscall: string, path: Path, read: (into: Buffer) => bigint): Buffer | undefined {
  let into = scratch;
  let size = Number(read(into));
  if (size < 0 && loaded?.readErrno() === 34) {
    into = Buffer.alloc(65536);
    size = Number(read(into));
  }
  if (size >= 0) return Buffer.from(into.subarray(0, size));
  const errno = loaded?.readErrno() ?? 0;
  if (errno === ENODATA || errno === ENOTSUP) return undefined;
  throw systemError(errno, syscall, path);
}
