import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CgroupLayout } from "./layout.ts";

/** What the machine's cgroups can limit. */
export interface CgroupFeatures {
  readonly memory: boolean;
  readonly swap: boolean;
  readonly memoryReservation: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly pids: boolean;
  readonly cpuShares: boolean;
  readonly cpuQuota: boolean;
  readonly cpuRealtime: boolean;
  readonly cpuset: boolean;
  readonly blkioWeight: boolean;
  readonly blkioWeightDevice: boolean;
  readonly blkioThrottle: boolean;
  /** Lists as the kernel writes them, `0-3,8`: what a container may be given. Empty without the cpuset controller. */
  readonly cpus: string;
  readonly mems: string;
}

/** `ownPath` is the daemon's own place in the v2 tree, where files are that the root does not have. */
export function readCgroupFeatures(layout: CgroupLayout, ownPath: string): CgroupFeatures {
  return layout.kind === "v2"
    ? unifiedFeatures(layout.root, layout.controllers, ownPath)
    : legacyFeatures(layout.controllers);
}

function legacyFeatures(mounts: Readonly<Record<string, string>>): CgroupFeatures {
  const has = (controller: string, ...files: readonly string[]) => {
    const mount = mounts[controller];
    return mount !== undefined && (files.length === 0 || files.some((file) => existsSync(join(mount, file))));
  };
  const list = (file: string) => readList(join(mounts["cpuset"] ?? "", file));
  return {
    memory: has("memory"),
    swap: has("memory", "memory.memsw.limit_in_bytes"),
    memoryReservation: has("memory", "memory.soft_limit_in_bytes"),
    swappiness: has("memory", "memory.swappiness"),
    oomKillDisable: has("memory", "memory.oom_control"),
    pids: has("pids"),
    cpuShares: has("cpu", "cpu.shares"),
    cpuQuota: has("cpu", "cpu.cfs_quota_us"),
    cpuRealtime: has("cpu", "cpu.rt_runtime_us"),
    cpuset: has("cpuset"),
    blkioWeight: has("blkio", "blkio.weight", "blkio.bfq.weight"),
    blkioWeightDevice: has("blkio", "blkio.weight_device", "blkio.bfq.weight_device"),
    blkioThrottle: has("blkio", "blkio.throttle.read_bps_device"),
    cpus: has("cpuset") ? list("cpuset.cpus") : "",
    mems: has("cpuset") ? list("cpuset.mems") : "",
  };
}

function unifiedFeatures(root: string, controllers: readonly string[], ownPath: string): CgroupFeatures {
  const has = (controller: string) => controllers.includes(controller);
  const own = join(root, ownPath);
  // The root itself has no limits to look at: there the kernel is trusted to have been built with swap.
  const inOwn = (file: string) => ownPath === "/" || existsSync(join(own, file));
  return {
    memory: has("memory"),
    swap: has("memory") && inOwn("memory.swap.max"),
    memoryReservation: has("memory"),
    swappiness: false,
    oomKillDisable: false,
    pids: has("pids"),
    cpuShares: has("cpu"),
    cpuQuota: has("cpu"),
    cpuRealtime: false,
    cpuset: has("cpuset"),
    blkioWeight: has("io") && existsSync(join(own, "io.bfq.weight")),
    blkioWeightDevice: has("io") && existsSync(join(own, "io.bfq.weight")),
    blkioThrottle: has("io"),
    cpus: has("cpuset") ? readList(join(root, "cpuset.cpus.effective")) : "",
    mems: has("cpuset") ? readList(join(root, "cpuset.mems.effective")) : "",
  };
}

function readList(file: string): string {
  try {
    return readFileSync(file, "latin1").trim();
  } catch {
    return "";
  }
}
