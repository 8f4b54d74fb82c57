import { stat } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import type { HostConfig, MountPoint } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import { type Clock, formatTime } from "#base/time.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { Database } from "#host/sqlite/database.ts";
import { isEmptyFolder } from "./folders.ts";
import { checkBindSource, checkVolumeSource, ensureBindSource } from "./mount-sources.ts";
import { bindMount, imageMount, tmpfsMount, volumeMount } from "./oci-mount.ts";
import { planMounts } from "./plan-mounts.ts";
import type { PlannedBind, PlannedImage, PlannedMount, PlannedVolume } from "./planned-mount.ts";
import { VolumeFolders } from "./volume-folders.ts";
import {
  anonymousLabel,
  checkDriver,
  checkName,
  checkOptions,
  driverMountOf,
  type VolumeRecord,
} from "./volume-record.ts";
import type { VolumeMounter } from "./volume-mounter.ts";
import { VolumeRows } from "./volume-rows.ts";
import { checkPropagation } from "./propagation.ts";
import type { VolumeRequest, Volumes } from "./volume-service.ts";
import { VolumeUsers } from "./volume-users.ts";
import type { ResolvedMount, VolumeMounts } from "./volumes.ts";

export interface LocalVolumesDeps {
  /** `<root>/volumes`. */
  readonly root: string;
  readonly db: Database;
  readonly events: EventSink;
  readonly log: Log;
  readonly now: Clock;
  /** Whether read-only can reach the mounts below a bind: mount_setattr, Linux 5.12. */
  readonly canReadOnlyBelow: boolean;
  readonly mounter: VolumeMounter;
  readonly images: {
    /**
     * A snapshot of the image's layers under that key, and a folder for inspect to show.
     *
     * @throws {Fault} `not-found` when there is no such image
     */
    hold(image: string, key: string): Promise<{ readonly folder: string }>;
    release(key: string): Promise<void>;
  };
  /**
   * Copies the content of a folder of the container's image, as the image's layers stack up, to an empty folder, and gives that
   * its owner, mode and times. Does nothing when the image has no such folder. Never leaves the target by a link.
   */
  copyUp(containerId: string, pathInImage: string, targetFolder: string): Promise<void>;
}

type Undo = AsyncDisposableStack;

/**
 * Volumes as folders below one root. The row is the truth and is written first: a folder that is missing is made again, a folder
 * without a row is somebody's data and left alone. A volume whose row is to go loses its folder first, by a rename that names
 * the volume's ID, so that a kill in between is finished by {@link LocalVolumes.reconcile}.
 *
 * @see volume-folders.ts and fill-volume.ts for what is on disk
 */
export class LocalVolumes implements VolumeMounts, Volumes {
  readonly #deps: LocalVolumesDeps;
  readonly #rows: VolumeRows;
  readonly #folders: VolumeFolders;
  readonly #users = new VolumeUsers();
  /** By volume name: creating, filling, removing. */
  readonly #lock = new KeyedLock();

  constructor(deps: LocalVolumesDeps) {
    this.#deps = deps;
    this.#rows = new VolumeRows(deps.db);
    this.#folders = new VolumeFolders(deps.root);
  }

  /** Finishes what a kill cut off. Called once, when every container was adopted and before one is created or started. */
  async reconcile(): Promise<void> {
    const retired = await this.#folders.retired();
    for (const record of this.#rows.list())
      try {
        if (retired.includes(record.id)) await this.#rows.delete(record.name);
        else if (record.isFresh && !this.#users.isUsed(record.name)) await this.#destroy(record);
        else await this.#folders.recoverFill(record.name);
        if (isMounted(record) && !this.#deps.mounter.isUsed(record.name))
          await this.#deps.mounter.clear(this.#folders.dataOf(record.name));
      } catch (error) {
        this.#deps.log.error("volume not reconciled", { volume: record.name, error });
      }
    for (const id of retired) await this.#clear(id);
  }

  async create(request: VolumeRequest): Promise<VolumeRecord> {
    const name = request.name || randomName();
    const labels = request.name ? request.labels : { ...request.labels, [anonymousLabel]: "" };
    checkVolume(name, request.driver, request.driverOptions);
    return this.#lock.run(name, async () => {
      const known = this.#rows.find(name);
      if (known !== undefined) return known;
      return this.#make({ name, labels: labels ?? null, options: request.driverOptions ?? null });
    });
  }

  get(name: string): VolumeRecord {
    const record = this.#rows.find(name);
    if (record === undefined) throw new Fault("not-found", `get ${name}: no such volume`);
    return record;
  }

  list(): readonly VolumeRecord[] {
    return this.#rows.list();
  }

  usersOf(name: string): readonly string[] {
    return this.#users.of(name);
  }

  mountpointOf(record: VolumeRecord): string {
    return this.#folders.dataOf(record.name);
  }

  sizeOf(record: VolumeRecord, signal: AbortSignal): Promise<number> {
    return this.#folders.sizeOf(record.name, signal);
  }

  async remove(name: string, { force }: { readonly force: boolean }): Promise<void> {
    await this.#lock.run(name, async () => {
      const record = this.#rows.find(name);
      if (record === undefined && force) return;
      const users = this.#users.of(name);
      if (users.length > 0)
        throw new Fault("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
      await this.#destroy(record ?? this.get(name));
    });
  }

  async prune(
    matches: (record: VolumeRecord) => boolean,
    signal: AbortSignal,
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
    const removed: string[] = [];
    let bytes = 0;
    for (const { name } of this.#rows.list()) {
      signal.throwIfAborted();
      await this.#lock.run(name, async () => {
        const record = this.#rows.find(name);
        if (record === undefined || this.#users.isUsed(name) || !matches(record)) return;
        const size = await this.sizeOf(record, signal);
        await this.#destroy(record);
        removed.push(name);
        bytes += size;
      });
    }
    this.#deps.events.publish("volume", "prune", "", { reclaimed: `${bytes}` });
    return { removed, bytes };
  }

  async resolve(
    containerId: string,
    hostConfig: HostConfig,
    volumes: readonly string[],
    from: (container: string) => readonly MountPoint[],
    sourceOwner = 0,
  ): Promise<readonly ResolvedMount[]> {
    const planned = planMounts(hostConfig, volumes, from, (name) => this.#folders.dataOf(name));
    await this.#check(planned);
    await using undo = new AsyncDisposableStack();
    // All are awaited before anything is undone, so that nothing is still being made then.
    const results = await Promise.allSettled(
      planned.map((mount) => this.#realise(containerId, mount, sourceOwner, undo)),
    );
    const mounts = results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    undo.move();
    return mounts;
  }

  adopt(containerId: string, points: readonly MountPoint[], isRunning: boolean): void {
    for (const { Type, Name } of points) {
      if (Type !== "volume" || Name === undefined) continue;
      this.#users.add(Name, containerId);
      if (isRunning && this.#findMounted(Name) !== undefined) this.#deps.mounter.adopt(Name, containerId);
    }
  }

  async beforeStart(containerId: string, mounts: readonly ResolvedMount[], sourceOwner = 0): Promise<void> {
    await using undo = new AsyncDisposableStack();
    for (const { point } of mounts) {
      const record = point.Type === "volume" ? this.#findMounted(point.Name ?? "") : undefined;
      if (record === undefined) continue;
      const { mounter } = this.#deps;
      const folder = this.#folders.dataOf(record.name);
      await this.#lock.run(record.name, () => mounter.mount(record, folder, containerId));
      undo.defer(() => this.#unmount(record.name, containerId));
    }
    for (const mount of mounts) {
      if (mount.createsSource) await ensureBindSource(mount.source, sourceOwner);
      else if (mount.point.Type === "bind") await checkBindSource(mount.source);
      else if (mount.point.Type === "volume") await checkVolumeSource(mount);
      if (mount.point.Type === "bind") await checkPropagation(mount.source, mount.point.Propagation);
    }
    undo.move();
    for (const { point } of mounts) {
      if (point.Type !== "volume" || point.Name === undefined) continue;
      if (this.#rows.find(point.Name)?.isFresh) void this.#markUsed(point.Name);
      this.#deps.events.publish("volume", "mount", point.Name, {
        driver: "local",
        container: containerId,
        destination: point.Destination,
        "read/write": `${point.RW}`,
        propagation: point.Propagation,
      });
    }
  }

  afterStop(containerId: string, mounts: readonly ResolvedMount[]): void {
    for (const { point } of mounts) {
      if (point.Type !== "volume" || point.Name === undefined) continue;
      this.#deps.events.publish("volume", "unmount", point.Name, {
        driver: "local",
        container: containerId,
      });
      if (this.#findMounted(point.Name) !== undefined) void this.#unmount(point.Name, containerId);
    }
  }

  /** One whose options put a file system on its folder. */
  #findMounted(name: string): VolumeRecord | undefined {
    const record = this.#rows.find(name);
    return record !== undefined && isMounted(record) ? record : undefined;
  }

  /** What cannot be unmounted now is so before its volume is removed, or by the next start. */
  async #unmount(name: string, containerId: string): Promise<void> {
    const folder = this.#folders.dataOf(name);
    try {
      await this.#lock.run(name, () => this.#deps.mounter.unmount(name, folder, containerId));
    } catch (error) {
      this.#deps.log.warn("volume stays mounted", { volume: name, error });
    }
  }

  async release(containerId: string, anonymous: boolean): Promise<void> {
    for (const name of this.#users.volumesOf(containerId))
      await this.#lock.run(name, async () => {
        const record = this.#rows.find(name);
        const isOwn = record?.madeFor === containerId;
        const hasOthers = this.#users.of(name).some((user) => user !== containerId);
        if (record !== undefined && isOwn) {
          if (anonymous && !hasOthers) await this.#destroy(record);
          else await this.#rows.put(withoutMaker(record));
        }
        this.#users.remove(name, containerId);
      });
  }

  /** Everything that can be refused without having made anything. */
  async #check(planned: readonly PlannedMount[]): Promise<void> {
    for (const mount of planned) {
      if (mount.kind === "volume") checkVolume(mount.name ?? randomName(), mount.driver, mount.driverOptions);
      else if (mount.kind === "bind" && !mount.createsSource) await checkBindSource(mount.source);
    }
  }

  #realise(
    containerId: string,
    mount: PlannedMount,
    sourceOwner: number,
    undo: Undo,
  ): Promise<ResolvedMount> {
    switch (mount.kind) {
      case "bind":
        return this.#realiseBind(mount, sourceOwner, undo);
      case "volume":
        return this.#realiseVolume(containerId, mount, undo);
      case "tmpfs":
        return Promise.resolve(tmpfsMount(mount));
      case "image":
        return this.#realiseImage(containerId, mount, undo);
      default:
        return mount satisfies never;
    }
  }

  async #realiseBind(mount: PlannedBind, sourceOwner: number, undo: Undo): Promise<ResolvedMount> {
    const resolved = bindMount(mount, this.#deps.canReadOnlyBelow);
    if (mount.createsSource) undo.defer(await ensureBindSource(mount.source, sourceOwner));
    if (!resolved.options.includes("rro") || !(await isFile(mount.source))) return resolved;
    // A file has nothing mounted below it, and the runtime makes only folders read-only all the way down.
    return { ...resolved, options: resolved.options.map((option) => (option === "rro" ? "ro" : option)) };
  }

  async #realiseImage(containerId: string, mount: PlannedImage, undo: Undo): Promise<ResolvedMount> {
    const { images } = this.#deps;
    const key = `${containerId}-${randomBytes(8).toString("hex")}`;
    const { folder } = await images.hold(mount.image, key);
    undo.defer(() => images.release(key));
    return imageMount(mount, key, folder);
  }

  async #realiseVolume(containerId: string, mount: PlannedVolume, undo: Undo): Promise<ResolvedMount> {
    const name = mount.name ?? randomName();
    return this.#lock.run(name, async () => {
      let record = this.#rows.find(name);
      if (record === undefined) {
        record = await this.#make({
          name,
          labels:
            mount.name === undefined ? { ...mount.labels, [anonymousLabel]: "" } : (mount.labels ?? null),
          options: mount.driverOptions ?? null,
          ...(mount.name === undefined ? { madeFor: containerId, isFresh: true as const } : {}),
        });
        undo.defer(() => this.#removeUnused(name));
      } else {
        this.#folders.ensure(name);
      }
      this.#users.add(name, containerId);
      undo.defer(() => this.#users.remove(name, containerId));
      if (mount.isFilled) await this.#fill(containerId, record, mount.destination);
      return volumeMount(mount, record, this.#folders.dataOf(name));
    });
  }

  async #fill(containerId: string, record: VolumeRecord, destination: string): Promise<void> {
    const copy = (target: string) => this.#deps.copyUp(containerId, destination, target);
    const mount = driverMountOf(record);
    if (mount === undefined) await this.#folders.fill(record.name, copy);
    // A folder elsewhere is not ours to keep an unfinished copy beside.
    else if (mount.type === "bind" && (await isEmptyFolder(mount.device))) await copy(mount.device);
  }

  async #make(made: Omit<VolumeRecord, "id" | "createdAt">): Promise<VolumeRecord> {
    const id = randomBytes(16).toString("hex");
    const record: VolumeRecord = { ...made, id, createdAt: formatTime(this.#deps.now()) };
    await this.#rows.put(record);
    try {
      this.#folders.ensure(made.name);
    } catch (error) {
      await this.#rows.delete(made.name);
      throw error;
    }
    this.#deps.events.publish("volume", "create", made.name, { driver: "local" });
    return record;
  }

  /** Nobody waits for it: it is durable before the container's row can go, as writes are in order. */
  async #markUsed(name: string): Promise<void> {
    try {
      await this.#lock.run(name, async () => {
        const record = this.#rows.find(name);
        if (record?.isFresh) await this.#rows.put(withoutFreshness(record));
      });
    } catch (error) {
      this.#deps.log.warn("volume not marked as used", { volume: name, error });
    }
  }

  #removeUnused(name: string): Promise<void> {
    return this.#lock.run(name, async () => {
      const record = this.#rows.find(name);
      if (record !== undefined && !this.#users.isUsed(name)) await this.#destroy(record);
    });
  }

  /** With the name's lock held, or before anybody else is there. */
  async #destroy(record: VolumeRecord): Promise<void> {
    if (isMounted(record)) await this.#deps.mounter.clear(this.#folders.dataOf(record.name));
    this.#folders.retire(record.name, record.id);
    await this.#rows.delete(record.name);
    this.#deps.events.publish("volume", "destroy", record.name, { driver: "local" });
    await this.#clear(record.id);
  }

  /** The volume is gone whether or not its content can be removed now: the next start tries again. */
  async #clear(id: string): Promise<void> {
    try {
      await this.#folders.clear(id);
    } catch (error) {
      this.#deps.log.warn("content of a removed volume stays", { id, error });
    }
  }
}

function checkVolume(
  name: string,
  driver: string | undefined,
  options: Readonly<Record<string, string>> | null | undefined,
): void {
  checkDriver(name, driver);
  checkName(name);
  checkOptions(name, options ?? {});
}

function isMounted(record: VolumeRecord): boolean {
  const mount = driverMountOf(record);
  return mount !== undefined && mount.type !== "bind";
}

function withoutFreshness(record: VolumeRecord): VolumeRecord {
  const maker = record.madeFor === undefined ? {} : { madeFor: record.madeFor };
  return { ...withoutMaker(record), ...maker };
}

function withoutMaker({ name, id, createdAt, labels, options }: VolumeRecord): VolumeRecord {
  return { name, id, createdAt, labels, options };
}

function randomName(): string {
  return randomBytes(32).toString("hex");
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isDirectory();
}
