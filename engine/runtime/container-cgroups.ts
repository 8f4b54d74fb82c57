import type { HostConfig } from "#api/docker/container.ts";
import { changeCgroup, planChange } from "#host/cgroup/change.ts";
import { freeze, killAll, oomKills, processIds, thaw } from "#host/cgroup/control.ts";
import type { CgroupLayout } from "#host/cgroup/layout.ts";
import { processEnd } from "#host/process-end.ts";
import { planCgroup } from "#host/cgroup/plan.ts";
import type { CgroupResources } from "#host/cgroup/resources.ts";
import { createCgroup, listCgroups, removeCgroup } from "#host/cgroup/tree.ts";
import { type CgroupParents, parseCgroupParent } from "./cgroup-parents.ts";
import type { HostDevices } from "./host-devices.ts";
import { planResources } from "./plan-resources.ts";

const freezeTimeoutMs = 10_000;

/** The cgroups of this instance's containers, `<instance>/<id>` in every hierarchy, or below the parent that a user named. */
export class ContainerCgroups {
  readonly layout: CgroupLayout;
  readonly #parent: string;
  readonly #named: CgroupParents;
  readonly #parents = new Map<string, string>();

  constructor(layout: CgroupLayout, instance: string, named: CgroupParents) {
    this.layout = layout;
    this.#parent = `/${instance}`;
    this.#named = named;
  }

  /** From here on the container's cgroups are where it asked for: told of every container before anything else is asked. */
  place(id: string, { CgroupParent }: Pick<HostConfig, "CgroupParent">): void {
    if (CgroupParent !== "") this.#parents.set(id, parseCgroupParent(CgroupParent));
  }

  /** The container is gone for good. */
  forget(id: string): void {
    if (this.#parents.delete(id)) this.#named.sweep();
  }

  /** Relative to each hierarchy's root. */
  pathOf(id: string): string {
    return `${this.#parents.get(id) ?? this.#parent}/${id}`;
  }

  /** Returns the files by which a process joins; none on pure v2, where the runtime makes the cgroup from the spec. */
  create(id: string, hostConfig: HostConfig, devices: HostDevices): readonly string[] {
    this.place(id, hostConfig);
    const named = this.#parents.get(id);
    if (named !== undefined) this.#named.note(named);
    if (this.layout.kind === "v2") return [];
    const plan = planCgroup(this.layout, this.pathOf(id), planResources(hostConfig, devices));
    createCgroup(plan);
    return plan.processFiles;
  }

  /**
   * Changes the limits of one that exists: all of them or none. What it returns takes them back.
   *
   * @throws {Fault} `invalid` or `conflict` with the kernel's reason
   */
  change(id: string, resources: CgroupResources): () => void {
    const writes = planChange(this.layout, this.pathOf(id), resources);
    return changeCgroup(writes);
  }

  /** Resolves when nothing in it runs any more. @throws {Fault} `not-found` when there is none */
  freeze(id: string): Promise<void> {
    return freeze(this.layout, this.pathOf(id), AbortSignal.timeout(freezeTimeoutMs));
  }

  thaw(id: string): void {
    thaw(this.layout, this.pathOf(id));
  }

  killAll(id: string): void {
    killAll(this.layout, this.pathOf(id));
  }

  /** Resolves when nothing of what is in it now runs any more. */
  async untilEmpty(id: string): Promise<void> {
    for (const pid of this.processes(id)) await processEnd(pid);
  }

  /** Host pids, ascending. */
  processes(id: string): readonly number[] {
    return processIds(this.layout, this.pathOf(id));
  }

  oomKills(id: string): number {
    return oomKills(this.layout, this.pathOf(id));
  }

  /** False while something still runs in it. */
  remove(id: string): boolean {
    return removeCgroup(this.layout, this.pathOf(id));
  }

  /** Removes the instance's own folder when nothing runs in it. */
  dismantle(): void {
    this.#named.sweep();
    removeCgroup(this.layout, this.#parent);
  }

  /** IDs of those that exist. */
  list(): readonly string[] {
    return listCgroups(this.layout, this.#parent);
  }
}
