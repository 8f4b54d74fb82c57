import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DeviceMapping, HostConfig } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { splitDevice } from "#host/sys.ts";

/** A device node to make in the container. */
export interface DeviceNode {
  /** In the container. */
  readonly path: string;
  readonly hostPath: string;
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of `rwm`. */
  readonly access: string;
}

/** What has to be looked up on the host before a container's spec and cgroups can be planned. Plain data. */
export interface HostDevices {
  readonly nodes: readonly DeviceNode[];
  /** Numbers of the devices that block I/O limits name, by path. */
  readonly numbers: Readonly<Record<string, { readonly major: number; readonly minor: number }>>;
}

/** Folders of /dev that hold no devices of the host's own. */
const notDevices = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);
const NODES_MAX = 16_384;

/**
 * Looks at the devices that the container asks for; with privileged, at all there are. Costs nothing when it asks for none.
 *
 * @throws {Fault} `invalid` with Docker's text for a path that is no device and holds none
 */
export function readHostDevices(hostConfig: HostConfig): HostDevices {
  const mappings = (hostConfig.Devices ?? []).map(withDefaults);
  if (!hostConfig.Privileged) {
    return { nodes: mappings.flatMap(nodesOf), numbers: readBlockNumbers(hostConfig) };
  }
  const others = mappings.filter((mapping) => mapping.PathOnHost !== mapping.PathInContainer);
  const asked = others.flatMap((mapping) => nodesOf({ ...mapping, CgroupPermissions: "rwm" }));
  return { nodes: [...walk("/dev", "/dev", "rwm"), ...asked], numbers: readBlockNumbers(hostConfig) };
}

function withDefaults(mapping: DeviceMapping): DeviceMapping {
  const access = mapping.CgroupPermissions || "rwm";
  const inContainer = mapping.PathInContainer || mapping.PathOnHost;
  if (!/^[rwm]{1,3}$/.test(access)) throw new Fault("invalid", `invalid device mode: ${access}`);
  if (!inContainer.startsWith("/") || inContainer.split("/").includes("..")) {
    throw new Fault("invalid", `${inContainer} is not an absolute path`);
  }
  return { PathOnHost: mapping.PathOnHost, PathInContainer: inContainer, CgroupPermissions: access };
}

function nodesOf({ PathOnHost, PathInContainer, CgroupPermissions }: DeviceMapping): readonly DeviceNode[] {
  try {
    const path = realpathSync(PathOnHost);
    const single = nodeAt(path, PathInContainer, CgroupPermissions);
    if (single !== undefined) return [single];
    const nodes = statSync(path).isDirectory() ? walk(path, PathInContainer, CgroupPermissions) : [];
    if (nodes.length > 0) return nodes;
  } catch (error) {
    throw gatheringFault(PathOnHost, reasonOf(error));
  }
  throw gatheringFault(PathOnHost, "not a device node");
}

/** The kernel's words without Node's around them. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^[A-Z0-9]+: ([^,]+), .*$/s, "$1");
}

function gatheringFault(path: string, reason: string): Fault {
  const subject = JSON.stringify(path);
  return new Fault(
    "invalid",
    `error gathering device information while adding custom device ${subject}: ${reason}`,
  );
}

function nodeAt(path: string, inContainer: string, access: string): DeviceNode | undefined {
  const stat = lstatSync(path, { bigint: true });
  if (!stat.isBlockDevice() && !stat.isCharacterDevice()) return undefined;
  return {
    path: inContainer,
    hostPath: path,
    type: stat.isBlockDevice() ? "b" : "c",
    ...splitDevice(stat.rdev),
    fileMode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    access,
  };
}

function walk(folder: string, inContainer: string, access: string): readonly DeviceNode[] {
  const nodes: DeviceNode[] = [];
  const pending = [[folder, inContainer] as const];
  for (let next = pending.pop(); next !== undefined && nodes.length < NODES_MAX; next = pending.pop()) {
    const [from, to] = next;
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const path = join(from, entry.name);
      if (entry.isDirectory() && !notDevices.has(entry.name)) pending.push([path, join(to, entry.name)]);
      if (!entry.isBlockDevice() && !entry.isCharacterDevice()) continue;
      const node = path === "/dev/console" ? undefined : tryNodeAt(path, join(to, entry.name), access);
      if (node !== undefined) nodes.push(node);
    }
  }
  return nodes;
}

function tryNodeAt(path: string, inContainer: string, access: string): DeviceNode | undefined {
  try {
    return nodeAt(path, inContainer, access);
  } catch {
    return undefined; // unplugged meanwhile
  }
}

/**
 * Numbers of the devices that block I/O limits name.
 *
 * @throws {Fault} `invalid` for a path that is not there
 */
export function readBlockNumbers(hostConfig: HostConfig): HostDevices["numbers"] {
  const paths = [
    ...(hostConfig.BlkioWeightDevice ?? []),
    ...(hostConfig.BlkioDeviceReadBps ?? []),
    ...(hostConfig.BlkioDeviceWriteBps ?? []),
    ...(hostConfig.BlkioDeviceReadIOps ?? []),
    ...(hostConfig.BlkioDeviceWriteIOps ?? []),
  ].map((device) => device.Path);
  const numbers: Record<string, { readonly major: number; readonly minor: number }> = {};
  for (const path of paths) {
    try {
      numbers[path] = splitDevice(statSync(path, { bigint: true }).rdev);
    } catch (error) {
      throw new Fault("invalid", `stat ${path}: ${messageOf(error)}`, { cause: error });
    }
  }
  return numbers;
}
