import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { killAll, processIds } from "#host/cgroup/control.ts";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import { type CgroupPlan, planCgroup } from "#host/cgroup/plan.ts";
import { planUnified } from "#host/cgroup/plan-unified.ts";
import type { CgroupResources } from "#host/cgroup/resources.ts";
import { createCgroup, enableControllers, listCgroups, removeCgroup } from "#host/cgroup/tree.ts";
import { processEnd } from "#host/process-end.ts";
import type { MachineSpec } from "./machine-spec.ts";
import type { Accelerator } from "./plan-argv.ts";

const periodUs = 100_000;
const sharesOfCpu = 1024;
const longestPauseMs = 5000;
/** For what QEMU needs beside the machine's memory: most of it is what TCG has translated. */
const overheadBytes: Readonly<Record<Accelerator, number>> = { kvm: 512 << 20, tcg: 1280 << 20 };
/** QEMU's threads that are no CPUs. */
const otherTasks = 256;

/**
 * The cgroups of machines, `<instance>-vms/<uuid>` in every hierarchy. Each machine has what it was given and what QEMU needs to
 * run it, and no more, so that none starves the host or another one.
 */
export class MachineCgroups {
  readonly #layout: CgroupLayout;
  readonly #parent: string;
  readonly #accelerator: Accelerator;
  readonly #log: Log;

  constructor(layout: CgroupLayout, instance: string, accelerator: Accelerator, log: Log) {
    this.#layout = layout;
    this.#parent = `/${instance}-vms`;
    this.#accelerator = accelerator;
    this.#log = log;
  }

  /**
   * Makes the machine's cgroups.
   *
   * @returns the files by which a process joins; none on a host that has no cgroups to give, where machines run without limits
   */
  create(spec: Pick<MachineSpec, "uuid" | "vcpus" | "memBytes">): readonly string[] {
    try {
      const plan = this.#plan(spec.uuid, limitsOf(spec, overheadBytes[this.#accelerator]));
      createCgroup(plan);
      return plan.processFiles;
    } catch (error) {
      this.#log.warn("a machine runs without limits", { vm: spec.uuid, error: messageOf(error) });
      return [];
    }
  }

  /** Removes them when the machine has ended and all that belongs to it. */
  async remove(uuid: string): Promise<void> {
    const path = `${this.#parent}/${uuid}`;
    for (const pid of processIds(this.#layout, path)) await processEnd(pid);
    // A process has ended before the last of its threads has left.
    for (let pauseMs = 1; pauseMs < longestPauseMs; pauseMs *= 2) {
      if (removeCgroup(this.#layout, path)) return;
      await delay(pauseMs);
    }
    this.#log.warn("a machine's cgroup stays behind", { vm: uuid });
  }

  /** Ends what is left of machines that are none of these, and removes their cgroups; the instance's own when none is left. */
  async collect(machines: ReadonlySet<string>): Promise<void> {
    for (const uuid of listCgroups(this.#layout, this.#parent)) {
      if (machines.has(uuid)) continue;
      killAll(this.#layout, `${this.#parent}/${uuid}`);
      await this.remove(uuid);
    }
    this.dismantle();
  }

  /** Removes the instance's own cgroup, unless there are machines. */
  dismantle(): void {
    if (listCgroups(this.#layout, this.#parent).length === 0) removeCgroup(this.#layout, this.#parent);
  }

  #plan(uuid: string, resources: CgroupResources): CgroupPlan {
    const path = `${this.#parent}/${uuid}`;
    if (this.#layout.kind !== "v2") return planCgroup(this.#layout, path, resources);
    enableControllers(this.#layout, this.#parent, ["cpu", "memory", "pids"]);
    return planUnified(this.#layout, path, resources);
  }
}

/** One CPU more than the machine has: for its disks, its network and its screen. */
export function limitsOf(
  { vcpus, memBytes }: Pick<MachineSpec, "vcpus" | "memBytes">,
  overhead: number,
): CgroupResources {
  return {
    devices: [],
    memory: { limit: memBytes + overhead },
    cpu: { shares: vcpus * sharesOfCpu, period: periodUs, quota: (vcpus + 1) * periodUs },
    pids: { limit: vcpus + otherTasks },
  };
}
