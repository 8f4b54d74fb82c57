import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { planChange } from "#host/cgroup/change.ts";
import { type CgroupLayout, foldersOf } from "#host/cgroup/layout.ts";
import { removeCgroup, writeAll } from "#host/cgroup/tree.ts";
import { uidOf } from "./pod.ts";
import { podLimits, qosOf } from "./resources.ts";

/** Where a pod's cgroup is, as a kubelet with the cgroupfs driver has it. */
export function cgroupOf(pod: Pod, root: string): string {
  const qos = qosOf(pod);
  const tier = qos === "Guaranteed" ? "" : `/${qos.toLowerCase()}`;
  return `${root}${tier}/pod${uidOf(pod)}`;
}

/** Makes the pod's cgroup, with the limits of all its containers together. May be repeated. */
export function ensurePodCgroup(layout: CgroupLayout, pod: Pod, root: string): string {
  const path = cgroupOf(pod, root);
  for (const folder of foldersOf(layout, path)) ensureFolder(folder.path);
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryBytes } = podLimits(pod);
  const cpu = {
    shares: cpuShares,
    ...(cpuQuotaUs === undefined ? {} : { quota: cpuQuotaUs, period: cpuPeriodUs }),
  };
  const memory = memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } };
  writeAll(planChange(layout, path, { devices: [], cpu, ...memory }));
  return path;
}

/** Takes the pod's limits away, its shares stay: until {@link ensurePodCgroup} sets them anew. */
export function widenPodCgroup(layout: CgroupLayout, pod: Pod, root: string): void {
  const none = { devices: [], cpu: { quota: -1 }, memory: { limit: -1 } };
  writeAll(planChange(layout, cgroupOf(pod, root), none));
}

/** @returns false while something still runs in it */
export function removePodCgroup(layout: CgroupLayout, pod: Pod, root: string): boolean {
  return removeCgroup(layout, cgroupOf(pod, root));
}

/** A folder for processors starts out empty on v1, and nothing could join it. On v2 a controller is passed down by its parent. */
function ensureFolder(path: string): void {
  if (existsSync(path)) return;
  if (!existsSync(dirname(path))) ensureFolder(dirname(path));
  mkdirSync(path, { recursive: true, mode: 0o755 });
  for (const name of ["cpuset.cpus", "cpuset.mems"]) inherit(path, name);
  const available = join(dirname(path), "cgroup.controllers");
  if (existsSync(available)) passDown(dirname(path), readFileSync(available, "latin1"));
}

function inherit(path: string, name: string): void {
  const own = join(path, name);
  if (!existsSync(join(path, "cpuset.cpu_exclusive")) || readFileSync(own, "latin1").trim() !== "") return;
  writeFileSync(own, readFileSync(join(dirname(path), name), "latin1").trim());
}

function passDown(parent: string, controllers: string): void {
  for (const controller of ["cpu", "cpuset", "memory", "pids", "io"]) {
    if (!controllers.split(/\s+/).includes(controller)) continue;
    try {
      writeFileSync(join(parent, "cgroup.subtree_control"), `+${controller}`);
    } catch {
      // the parent has processes of its own: its children do without
    }
  }
}
