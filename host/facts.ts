import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, release, totalmem } from "node:os";
import { hasAppArmor } from "./apparmor.ts";
import { capabilitiesOf } from "./capability-names.ts";
import { type CgroupFeatures, readCgroupFeatures } from "./cgroup/features.ts";
import { type CgroupLayout, detectLayout } from "./cgroup/layout.ts";
import { parseNumberList } from "./number-list.ts";

/** What the host allows, read once at start. */
export interface HostFacts {
  /** Names as in the OCI spec, `CAP_CHOWN` …, that the daemon can hand on: its bounding and permitted sets have them. */
  readonly capabilities: readonly string[];
  /** Hard limits by OCI name, e.g. `RLIMIT_NOFILE`; `Infinity` for none. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly canRaiseLimits: boolean;
  /** The daemon's own: without CAP_SYS_RESOURCE nothing it starts can go below. */
  readonly oomScoreAdj: number;
  readonly kernel: { readonly major: number; readonly minor: number };
  readonly architecture: "amd64" | "arm64";
  /** That the daemon may use. */
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly cgroup: CgroupLayout;
  readonly limits: CgroupFeatures;
  readonly hasSeccomp: boolean;
  readonly hasAppArmor: boolean;
  /** Possible CPUs that have a thermal_throttle folder, for the masked paths. */
  readonly throttledCpus: readonly number[];
}

/**
 * Reads them, synchronously and in about a millisecond.
 *
 * @throws {Error} when /proc or /sys/fs/cgroup is not mounted
 */
export function readHostFacts(): HostFacts {
  const status = read("/proc/self/status");
  const capabilities = intersection(capabilitySet(status, "CapBnd"), capabilitySet(status, "CapPrm"));
  const cgroup = detectLayout(read("/proc/self/mountinfo"), (root) =>
    words(readOr(`${root}/cgroup.controllers`, "")),
  );
  return {
    capabilities,
    hardLimits: parseHardLimits(read("/proc/self/limits")),
    canRaiseLimits: capabilities.includes("CAP_SYS_RESOURCE"),
    oomScoreAdj: Number(readOr("/proc/self/oom_score_adj", "0")),
    kernel: parseKernel(release()),
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    cpus: availableParallelism(),
    memory: totalmem(),
    cgroup,
    limits: readCgroupFeatures(cgroup, ownUnifiedPath(readOr("/proc/self/cgroup", ""))),
    hasSeccomp: /^Seccomp:/m.test(status) && existsSync("/proc/sys/kernel/seccomp/actions_avail"),
    hasAppArmor: hasAppArmor(),
    throttledCpus: parseNumberList(readOr("/sys/devices/system/cpu/possible", "")).filter((cpu) =>
      existsSync(`/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`),
    ),
  };
}

/** @see man 5 proc_pid_limits */
export function parseHardLimits(text: string): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const name = limitNames[line.slice(0, 25).trimEnd()];
    const hard = words(line.slice(25))[1];
    if (name === undefined || hard === undefined) continue;
    limits[name] = hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
  }
  return limits;
}

const limitNames: Readonly<Record<string, string>> = {
  "Max cpu time": "RLIMIT_CPU",
  "Max file size": "RLIMIT_FSIZE",
  "Max data size": "RLIMIT_DATA",
  "Max stack size": "RLIMIT_STACK",
  "Max core file size": "RLIMIT_CORE",
  "Max resident set": "RLIMIT_RSS",
  "Max processes": "RLIMIT_NPROC",
  "Max open files": "RLIMIT_NOFILE",
  "Max locked memory": "RLIMIT_MEMLOCK",
  "Max address space": "RLIMIT_AS",
  "Max file locks": "RLIMIT_LOCKS",
  "Max pending signals": "RLIMIT_SIGPENDING",
  "Max msgqueue size": "RLIMIT_MSGQUEUE",
  "Max nice priority": "RLIMIT_NICE",
  "Max realtime priority": "RLIMIT_RTPRIO",
  "Max realtime timeout": "RLIMIT_RTTIME",
};

/** `6.18.44-fc-v669` is 6.18. */
export function parseKernel(text: string): { readonly major: number; readonly minor: number } {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return { major: Number(major ?? 0), minor: Number(minor ?? 0) };
}

/** Since when Linux can do it. */
export const kernelWith = {
  recursiveReadOnly: { major: 5, minor: 12 },
  /** Also under the writable layer. */
  mappedOverlays: { major: 5, minor: 19 },
} as const;

export function isAtLeast({ major, minor }: HostFacts["kernel"], least: HostFacts["kernel"]): boolean {
  return major > least.major || (major === least.major && minor >= least.minor);
}

function capabilitySet(status: string, field: string): readonly string[] {
  const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
  return mask === undefined ? [] : capabilitiesOf(mask);
}

function intersection(left: readonly string[], right: readonly string[]): readonly string[] {
  return left.filter((item) => right.includes(item));
}

function ownUnifiedPath(text: string): string {
  return /^0::(\/.*)$/m.exec(text)?.[1] ?? "/";
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function read(file: string): string {
  return readFileSync(file, "utf8");
}

function readOr(file: string, otherwise: string): string {
  try {
    return read(file);
  } catch {
    return otherwise;
  }
}
