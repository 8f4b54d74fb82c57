import type { HostConfig } from "#api/docker/container.ts";
import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import {
  type CgroupLayout,
  folderOf,
  type LegacyLayout,
  unifiedFolderOf,
  underBase,
} from "#host/cgroup/layout.ts";
import { Fault } from "#base/fault.ts";
import type { DeviceNode } from "./host-devices.ts";
import type { RuntimeSpec } from "./runtime-spec.ts";

type Mount = RuntimeSpec["mounts"][number];

const SHM_BYTES = 64 * 1024 * 1024;
const guarded = ["nosuid", "noexec", "nodev"];

export interface MountInput {
  readonly hostConfig: HostConfig;
  readonly mounts: readonly ResolvedMount[];
  readonly etc: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  /** A folder on a tmpfs that is /dev/shm, for IPC that is shared; else there is a new one. */
  readonly shm: string | undefined;
  /** Undefined: no init is to be bound. */
  readonly initPath: string | undefined;
  readonly layout: CgroupLayout;
  readonly cgroupPath: string;
  readonly cgroupHostBase: string;
  /** What maps a volume into the container's user namespace; undefined without one. */
  readonly mapOption: string | undefined;
  readonly hasWritableCgroups: boolean;
  /** Devices of the host's to bind. */
  readonly boundDevices: readonly DeviceNode[];
}

/**
 * All mounts of a container in the order to make them: the default ones that no other covers, then those that were asked for
 * and the engine's own files, parents first, then the init.
 *
 * @throws {Fault} `invalid` for a mount that would cover /proc
 */
export function planMounts(input: MountInput): readonly Mount[] {
  const { mounts, mapOption } = input;
  for (const mount of mounts) checkProc(mount);
  const covered = new Set(mounts.map((mount) => mount.destination));
  const isFree = ({ destination }: Mount) =>
    !covered.has(destination) &&
    !(covered.has("/dev") && destination.startsWith("/dev/")) &&
    !(covered.has("/sys") && destination.startsWith("/sys/")) &&
    !(covered.has("/sys/fs/cgroup") && destination.startsWith("/sys/fs/cgroup/"));
  const asked = mounts.map(({ destination, type, source, options, isMapped }) => ({
    destination,
    type,
    source,
    options: mapOption !== undefined && isMapped ? [...options, mapOption] : options,
  }));
  const etc = etcMounts(input).filter(isFree);
  return [
    ...[...kernelMounts(input), ...cgroupMounts(input)].filter(isFree),
    ...[...asked, ...etc].toSorted((a, b) => depthOf(a) - depthOf(b)),
    ...input.boundDevices.map(({ path, hostPath }) => ({
      destination: path,
      type: "bind",
      source: hostPath,
      options: ["bind", "nosuid", "noexec"],
    })),
    ...initMount(input.initPath),
  ];
}

/** `shared` and `slave` mounts inside need a root that lets their events through. */
export function rootPropagation(mounts: readonly ResolvedMount[]): "shared" | "rslave" | undefined {
  const options = new Set(mounts.flatMap((mount) => mount.options));
  if (options.has("shared") || options.has("rshared")) return "shared";
  return options.has("slave") || options.has("rslave") ? "rslave" : undefined;
}

function depthOf({ destination }: Mount): number {
  return destination.split("/").filter((part) => part !== "").length;
}

function kernelMounts({ hostConfig, shm }: MountInput): readonly Mount[] {
  return [
    { destination: "/proc", type: "proc", source: "proc", options: guarded },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: hostConfig.Privileged ? guarded : [...guarded, "ro"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded },
    ...shmMounts(hostConfig, shm),
  ];
}

function shmMounts({ IpcMode, ShmSize }: HostConfig, shm: string | undefined): readonly Mount[] {
  const destination = "/dev/shm";
  if (IpcMode === "none") return [];
  const shared = IpcMode === "host" ? "/dev/shm" : shm;
  if (shared !== undefined) {
    return [{ destination, type: "bind", source: shared, options: ["bind", ...guarded] }];
  }
  const size = `size=${ShmSize > 0 ? ShmSize : SHM_BYTES}`;
  return [{ destination, type: "tmpfs", source: "shm", options: [...guarded, "mode=1777", size] }];
}

/** What language runtimes look at to size themselves: without all of these the JVM, for one, believes in no limit. */
const visibleControllers = ["memory", "cpu", "cpuacct", "cpuset", "pids"];
const otherControllers = ["blkio", "devices"];

function cgroupMounts(input: MountInput): readonly Mount[] {
  const { layout, hasWritableCgroups } = input;
  const options = hasWritableCgroups ? guarded : ["ro", ...guarded];
  if (layout.kind === "v2") {
    return [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options }];
  }
  return [
    {
      destination: "/sys/fs/cgroup",
      type: "tmpfs",
      source: "tmpfs",
      options: [...options, "mode=755", "size=64k"],
    },
    ...legacyFolders(layout, input).map(({ name, source }) => ({
      destination: `/sys/fs/cgroup/${name}`,
      type: "bind",
      source,
      options: ["bind", ...options],
    })),
  ];
}

/** Every bind costs a start about 0.1 ms, so only who may write gets those that nothing reads. */
function legacyFolders(layout: LegacyLayout, { cgroupPath, cgroupHostBase, hasWritableCgroups }: MountInput) {
  const names = hasWritableCgroups ? [...visibleControllers, ...otherControllers] : visibleControllers;
  const folders = names.map((name) => ({ name, path: folderOf(layout, name, cgroupPath) }));
  if (hasWritableCgroups) folders.push({ name: "unified", path: unifiedFolderOf(layout, cgroupPath) });
  return folders.flatMap(({ name, path }) =>
    path === undefined ? [] : [{ name, source: underBase(path, cgroupHostBase) }],
  );
}

function etcMounts({ etc, hostConfig }: MountInput): readonly Mount[] {
  const options = hostConfig.ReadonlyRootfs ? ["bind", "ro"] : ["bind"];
  return [
    { destination: "/etc/resolv.conf", type: "bind", source: etc.resolvConf, options },
    { destination: "/etc/hostname", type: "bind", source: etc.hostname, options },
    { destination: "/etc/hosts", type: "bind", source: etc.hosts, options },
  ];
}

/** Where an init is bound, and the first of the arguments that start it. */
export const initDestination = "/sbin/docker-init";

function initMount(path: string | undefined): readonly Mount[] {
  if (path === undefined) return [];
  return [{ destination: initDestination, type: "bind", source: path, options: ["bind", "ro"] }];
}

/** Files of /proc that programs like lxcfs give their own version of. */
const replaceable = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/net/dev",
  "/proc/slabinfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/uptime",
]);

/** What is mounted over /proc would decide what the runtime itself reads and writes there. */
function checkProc({ destination, source, type }: ResolvedMount): void {
  if (destination === "/") throw new Fault("invalid", "invalid specification: destination can't be '/'");
  if (destination !== "/proc" && !destination.startsWith("/proc/")) return;
  if (replaceable.has(destination)) return;
  if (destination === "/proc" && type === "bind" && source === "/proc") return;
  throw new Fault("invalid", `${JSON.stringify(destination)} cannot be mounted because it is inside /proc`);
}
