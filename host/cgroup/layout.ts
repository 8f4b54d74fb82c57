/** Which controllers live where. */
export type CgroupLayout = UnifiedLayout | LegacyLayout;

export interface UnifiedLayout {
  readonly kind: "v2";
  /** Its mount point. */
  readonly root: string;
  readonly controllers: readonly string[];
}

export interface LegacyLayout {
  readonly kind: "v1" | "hybrid";
  /** v1 controller → mount point. Controllers that are mounted together have the same one. */
  readonly controllers: Readonly<Record<string, string>>;
  /** The v2 mount beside them, in a hybrid. */
  readonly unified?: string;
}

const v1Controllers = new Set([
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "devices",
  "freezer",
  "blkio",
  "pids",
  "net_cls",
  "net_prio",
  "perf_event",
  "hugetlb",
  "rdma",
  "misc",
]);

interface Mount {
  readonly point: string;
  readonly type: string;
  readonly superOptions: string;
}

/**
 * What a process sees of cgroups, from its /proc/self/mountinfo. `controllersOf` reads `cgroup.controllers` of a v2 root; it is
 * asked only on a pure v2 machine.
 *
 * @see man 5 proc_pid_mountinfo
 */
export function detectLayout(
  mountinfo: string,
  controllersOf: (root: string) => readonly string[],
): CgroupLayout {
  const mounts = mountinfo.split("\n").flatMap(parseMount);
  const unified = mounts.find((mount) => mount.type === "cgroup2")?.point;
  const controllers: Record<string, string> = {};
  for (const mount of mounts) {
    if (mount.type !== "cgroup") continue;
    for (const option of mount.superOptions.split(",")) {
      if (v1Controllers.has(option)) controllers[option] ??= mount.point;
    }
  }
  if (Object.keys(controllers).length > 0) {
    return unified === undefined ? { kind: "v1", controllers } : { kind: "hybrid", controllers, unified };
  }
  return unified === undefined
    ? { kind: "v1", controllers }
    : { kind: "v2", root: unified, controllers: controllersOf(unified) };
}

function parseMount(line: string): readonly Mount[] {
  const [before, after] = line.split(" - ");
  const point = before?.split(" ")[4];
  const [type, , superOptions] = after?.split(" ") ?? [];
  if (point === undefined || type === undefined || !type.startsWith("cgroup")) return [];
  return [{ point: unescape(point), type, superOptions: superOptions ?? "" }];
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A folder for every hierarchy that a container gets one in: `name` is the controller, or `unified`. */
export interface CgroupFolder {
  readonly name: string;
  readonly path: string;
}

const perContainer = ["memory", "cpu", "cpuacct", "cpuset", "devices", "blkio", "pids"];

/**
 * The folders of `cgroupPath` that a container has, one per hierarchy even where controllers share one. The freezer is used
 * only where nothing newer can freeze.
 */
export function foldersOf(layout: CgroupLayout, cgroupPath: string): readonly CgroupFolder[] {
  if (layout.kind === "v2") return [{ name: "unified", path: layout.root + cgroupPath }];
  const folders = new Map<string, CgroupFolder>();
  const names = layout.unified === undefined ? [...perContainer, "freezer"] : perContainer;
  for (const name of names) {
    const mount = layout.controllers[name];
    if (mount !== undefined && !folders.has(mount)) folders.set(mount, { name, path: mount + cgroupPath });
  }
  const all = [...folders.values()];
  if (layout.unified !== undefined) all.push({ name: "unified", path: layout.unified + cgroupPath });
  return all;
}

/** Where a container's files of one controller are; undefined when the machine does not have it. */
export function folderOf(layout: CgroupLayout, controller: string, cgroupPath: string): string | undefined {
  if (layout.kind === "v2") return layout.root + cgroupPath;
  const mount = layout.controllers[controller];
  return mount === undefined ? undefined : mount + cgroupPath;
}

/** The v2 folder with its `cgroup.*` files, in a hybrid too. */
export function unifiedFolderOf(layout: CgroupLayout, cgroupPath: string): string | undefined {
  const root = layout.kind === "v2" ? layout.root : layout.unified;
  return root === undefined ? undefined : root + cgroupPath;
}

/**
 * The same path as a process sees it for whom `/sys/fs/cgroup` is bound to `base` and covered, as the launcher of a runtime
 * sees it on v1 and hybrid machines.
 */
export function underBase(path: string, base: string): string {
  const usual = "/sys/fs/cgroup";
  return path.startsWith(`${usual}/`) ? base + path.slice(usual.length) : path;
}
