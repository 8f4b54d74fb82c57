import { Fault } from "#base/fault.ts";
import type { MountHelper } from "#host/mount-helper.ts";
import { mountsBelow } from "#host/mounts.ts";
import { describeMount, planDriverMount } from "./driver-mount.ts";
import { driverMountOf, type VolumeRecord } from "./volume-record.ts";

export interface VolumeMounterDeps {
  readonly helper: MountHelper;
  /** Address of a host. */
  readonly lookup: (host: string) => Promise<string>;
}

/**
 * Volumes whose options name a file system, such as tmpfs or nfs: mounted on the host when their first container starts,
 * unmounted when the last one has ended. Callers hold the volume's lock.
 */
export class VolumeMounter {
  readonly #deps: VolumeMounterDeps;
  readonly #users = new Map<string, Set<string>>();

  constructor(deps: VolumeMounterDeps) {
    this.#deps = deps;
  }

  /** A container that has the volume mounted since before. */
  adopt(volume: string, container: string): void {
    const users = this.#users.get(volume);
    if (users === undefined) this.#users.set(volume, new Set([container]));
    else users.add(container);
  }

  isUsed(volume: string): boolean {
    return this.#users.has(volume);
  }

  /** @throws {Fault} `invalid` with Docker's texts */
  async mount(record: VolumeRecord, folder: string, container: string): Promise<void> {
    const wanted = driverMountOf(record);
    if (wanted === undefined) return;
    if (!this.isUsed(record.name)) {
      const call = await planDriverMount(wanted, folder, this.#deps.lookup).catch((error: Fault) => {
        throw new Fault(error.kind, `error while mounting volume '${folder}': ${error.message}`, {
          cause: error,
        });
      });
      const reason = mountsBelow(folder).includes(folder) ? undefined : await this.#deps.helper.mount(call);
      if (reason !== undefined)
        throw new Fault(
          "invalid",
          `error while mounting volume '${folder}': failed to mount local volume: ${describeMount(call)}: ${reason}`,
        );
    }
    this.adopt(record.name, container);
  }

  /** Repeating it is fine. */
  async unmount(volume: string, folder: string, container: string): Promise<void> {
    const users = this.#users.get(volume);
    if (users === undefined || !users.delete(container) || users.size > 0) return;
    this.#users.delete(volume);
    await this.clear(folder);
  }

  /**
   * Nothing is mounted at the folder or below it when this resolves, so that its content can be removed.
   *
   * @throws {Fault} `conflict` when the kernel does not let go
   */
  async clear(folder: string): Promise<void> {
    for (const target of mountsBelow(folder).toReversed()) {
      const reason = await this.#deps.helper.unmount(target);
      if (reason !== undefined)
        throw new Fault("conflict", `error while unmounting volume '${target}': ${reason}`);
    }
  }
}
