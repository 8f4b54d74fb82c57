import type { VirDomainBlockDevice } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { LayerRecord } from "#hypervisor/disks/layer-store.ts";
import type { VirtualDiskRecord } from "#hypervisor/disks/virtual-disk-library.ts";
import type { Changes } from "#hypervisor/metadata/record-store.ts";
import { TaskFailure } from "#hypervisor/tasks/task-list.ts";
import { changeMedium, growDrive, hasDrive, plugDrive, unplugDrive } from "./drive-operations.ts";
import { freezeDisks } from "./freeze.ts";
import type { Running } from "./machine-table.ts";
import { chosenSlot, newBlockDevice } from "./new-vm.ts";
import { driveOf } from "./plan-machine.ts";
import { type BlockDeviceRecord, kinds, type SnapshotRecord, type VmRecord } from "./records.ts";
import { blockDevicesOf, getVm, isDisk, secondsOf, type VmDeps } from "./vm-deps.ts";
import { type Begun, sourceOf, uuidOfPath } from "./vm-service.ts";

export type DeviceBody = Partial<VirDomainBlockDevice>;

/** What a copy of a disk begins with. */
interface Source {
  readonly layer: string;
  readonly capacityBytes: number;
  /** The copy is not to be written. */
  readonly isReadOnly?: boolean;
}

const mebibyte = 1 << 20;

/** Gives machines disks and drives, changes them, takes them away. */
export class BlockDeviceService {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `not-found`, `invalid`; `exhausted` when the disk is full; nothing has changed then */
  async create(body: DeviceBody, sessionID: string, signal: AbortSignal): Promise<Begun> {
    const source = isDisk(body.type ?? "VIRTIO_DISK") ? sourceOf(this.#deps, body.path ?? "") : undefined;
    return await this.#add(
      body.virDomainUUID ?? "",
      body,
      source,
      "Create block device for VM '%@'",
      sessionID,
      signal,
    );
  }

  /** A disk that begins as the uploaded one is. */
  async attach(
    virtualDisk: string,
    body: DeviceBody,
    isReadOnly: boolean,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    const { records } = this.#deps;
    const disk = records.find<VirtualDiskRecord>(kinds.virtualDisk, virtualDisk);
    if (disk === undefined) throw new Fault("not-found", `There is no virtual disk ${virtualDisk}`);
    return await this.#add(
      body.virDomainUUID ?? "",
      body,
      { ...disk, isReadOnly },
      "Attach virtual disk to VM '%@'",
      sessionID,
      signal,
    );
  }

  /** A disk that begins as another one was in a snapshot, or is now. */
  async clone(
    uuid: string,
    snapUUID: string,
    body: DeviceBody,
    isReadOnly: boolean,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    const source = await this.#sourceOfClone(uuid, snapUUID, signal);
    const capacityBytes = Math.ceil(source.capacityBytes / mebibyte) * mebibyte;
    const whole = { ...source, capacityBytes, isReadOnly };
    return await this.#add(
      body.virDomainUUID ?? "",
      body,
      whole,
      "Clone block device for VM '%@'",
      sessionID,
      signal,
    );
  }

  /** @throws {Fault} `not-found`; `invalid` for what it cannot become */
  async update(uuid: string, body: DeviceBody, sessionID: string, signal: AbortSignal): Promise<Begun> {
    const vmUUID = this.#get(uuid).virDomainUUID;
    const { records, locks, tasks } = this.#deps;
    return await locks.run(vmUUID, async () => {
      const before = this.#get(uuid);
      const vm = getVm(records, vmUUID);
      const after = this.#changed(before, body);
      const running = this.#deps.machines.find(vmUUID);
      // What the machine refuses must not be recorded.
      await this.#apply(running, before, after, signal);
      const subject = {
        description: "Update block device of VM '%@'",
        parameters: [vm.name],
        objectUUID: uuid,
        sessionID,
      };
      const taskTag = await tasks.record(subject, (changes) => {
        changes.put(kinds.blockDevice, after);
        touch(changes, this.#deps, vm);
      });
      return { taskTag, createdUUID: "" };
    });
  }

  /** Its task fails when the guest of a running machine does not let the device go. Does nothing when there is none. */
  async remove(uuid: string, sessionID: string): Promise<Begun> {
    const { records, tasks, locks } = this.#deps;
    const device = records.find<BlockDeviceRecord>(kinds.blockDevice, uuid);
    if (device === undefined) return { taskTag: "", createdUUID: "" };
    const vm = getVm(records, device.virDomainUUID);
    const subject = {
      description: "Delete block device of VM '%@'",
      parameters: [vm.name],
      objectUUID: uuid,
      sessionID,
      goal: { kind: kinds.blockDevice, uuid, is: "gone" as const },
    };
    const taskTag = await tasks.begin(subject, async (_, signal) => {
      await locks.run(vm.uuid, async () => await this.#drop(uuid, signal));
      await this.#deps.layers.collect();
    });
    return { taskTag, createdUUID: "" };
  }

  async #drop(uuid: string, signal: AbortSignal): Promise<void> {
    const { records, machines } = this.#deps;
    const device = records.find<BlockDeviceRecord>(kinds.blockDevice, uuid);
    if (device === undefined) return;
    const vm = getVm(records, device.virDomainUUID);
    const running = machines.find(vm.uuid);
    if (running !== undefined) await this.#unplug(running, vm, device, signal);
    await records.change((changes) => {
      changes.remove(kinds.blockDevice, uuid);
      const now = getVm(records, vm.uuid);
      const bootDevices = now.bootDevices.filter((boot) => boot !== uuid);
      changes.put(kinds.vm, { ...now, bootDevices, modified: secondsOf(this.#deps.now) } as VmRecord);
    });
  }

  async #unplug(
    { machine }: Running,
    vm: VmRecord,
    device: BlockDeviceRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const drive = driveOf(device, this.#deps.machines.place);
    const canUnplug = device.type === "SCSI_DISK" || device.type === "VIRTIO_DISK";
    const isPlugged = drive !== undefined && (await hasDrive(machine, drive.uuid, signal));
    const isGone = !isPlugged || (canUnplug && (await unplugDrive(machine, drive, signal)));
    // Clients know this text, and shut the machine down for it.
    if (!isGone) throw new TaskFailure("Unable to delete block device from VM '%@': Still in use", [vm.name]);
  }

  async #add(
    vmUUID: string,
    body: DeviceBody,
    source: Source | undefined,
    description: string,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    const { records, layers, locks, tasks, machines, now } = this.#deps;
    return await locks.run(
      vmUUID,
      async () =>
        await layers.adding(async () => {
          const vm = getVm(records, vmUUID);
          const capacity = Math.max(body.capacity ?? 0, source?.capacityBytes ?? 0);
          const others = blockDevicesOf(records, vmUUID);
          const bare = newBlockDevice(vmUUID, { ...body, capacity }, others, secondsOf(now));
          const layer = isDisk(bare.type) ? await this.#newLayer(vm, bare, source, signal) : undefined;
          const medium = bare.type === "IDE_CDROM" ? this.#medium(body.path ?? "") : {};
          const readOnly = source?.isReadOnly === true;
          if (readOnly && bare.type === "IDE_DISK")
            throw new Fault("invalid", "An IDE_DISK cannot be read-only");
          const device = { ...bare, ...medium, readOnly, ...(layer !== undefined && { layer: layer.uuid }) };
          const subject = {
            description,
            parameters: [vm.name],
            objectUUID: device.uuid,
            sessionID,
            goal: { kind: kinds.blockDevice, uuid: device.uuid, is: "there" as const },
          };
          const taskTag = await tasks.begin(
            subject,
            async (_, inner) => await this.#plugOrRemove(machines.find(vmUUID), device, inner),
            (changes) => {
              if (layer !== undefined) layers.record(changes, layer);
              changes.put(kinds.blockDevice, device);
              touch(changes, this.#deps, vm);
            },
          );
          return { taskTag, createdUUID: device.uuid };
        }),
    );
  }

  async #newLayer(
    vm: VmRecord,
    device: BlockDeviceRecord,
    source: Source | undefined,
    signal: AbortSignal,
  ): Promise<LayerRecord> {
    const { layers } = this.#deps;
    const base = { capacityBytes: device.capacity, userId: vm.userId };
    return await layers.create({ ...base, ...(source !== undefined && { parent: source.layer }) }, signal);
  }

  async #plugOrRemove(
    running: Running | undefined,
    device: BlockDeviceRecord,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#plug(running, device, signal);
    } catch (error) {
      if (!signal.aborted) {
        await this.#deps.records.change((changes) => changes.remove(kinds.blockDevice, device.uuid));
        await this.#deps.layers.collect();
      }
      throw error;
    }
  }

  /** What cannot be plugged in now is there at the next start. */
  async #plug(running: Running | undefined, device: BlockDeviceRecord, signal: AbortSignal): Promise<void> {
    if (running === undefined || (device.type !== "SCSI_DISK" && device.type !== "VIRTIO_DISK")) return;
    const drive = driveOf(device, this.#deps.machines.place);
    if (drive === undefined) return;
    await this.#deps.layers.opening(async () => await plugDrive(running.machine, drive, signal));
  }

  async #apply(
    running: Running | undefined,
    before: BlockDeviceRecord,
    after: BlockDeviceRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { layers, machines } = this.#deps;
    if (after.layer !== undefined && after.capacity > before.capacity) {
      if (running === undefined) await layers.grow(after.layer, after.capacity, signal);
      else await growDrive(running.machine, after.uuid, after.capacity, signal);
      if (running !== undefined) await layers.noteCapacity(after.layer, after.capacity);
    }
    const drive = driveOf(after, machines.place);
    if (
      running !== undefined &&
      after.type === "IDE_CDROM" &&
      before.isoUUID !== after.isoUUID &&
      drive !== undefined
    )
      await changeMedium(running.machine, drive, signal);
  }

  #changed(before: BlockDeviceRecord, body: DeviceBody): BlockDeviceRecord {
    const type = body.type ?? before.type;
    const others = blockDevicesOf(this.#deps.records, before.virDomainUUID).filter(
      ({ uuid }) => uuid !== before.uuid,
    );
    const isMoved =
      type !== before.type || (body.slot !== undefined && body.slot >= 0 && body.slot !== before.slot);
    if (type !== before.type && isDisk(type) !== isDisk(before.type))
      throw new Fault("invalid", `A ${before.type} cannot become a ${type}`);
    const { isoUUID: _, ...rest } = before;
    const base = {
      ...(type === "IDE_CDROM" && body.path !== undefined ? rest : before),
      type,
      cacheMode: body.cacheMode ?? before.cacheMode,
      disableSnapshotting: body.disableSnapshotting ?? before.disableSnapshotting,
      tieringPriorityFactor: body.tieringPriorityFactor ?? before.tieringPriorityFactor,
      slot: isMoved ? chosenSlot(others, type, body.slot ?? -1) : before.slot,
    };
    if (type === "IDE_CDROM") return body.path === undefined ? base : { ...base, ...this.#medium(body.path) };
    // A disk only grows; a smaller size is what it had when its client looked.
    const canGrow = isDisk(type) && body.capacity !== undefined;
    return { ...base, capacity: canGrow ? Math.max(before.capacity, body.capacity) : before.capacity };
  }

  /** @throws {Fault} `invalid` for a medium that there is not */
  #medium(path: string): Pick<BlockDeviceRecord, "isoUUID" | "name" | "capacity"> {
    if (path === "") return { name: "", capacity: 0 };
    const iso = this.#deps.isos.find(uuidOfPath(path));
    if (iso === undefined) throw new Fault("invalid", `There is no ISO '${path}'`);
    return { isoUUID: iso.uuid, name: iso.name, capacity: iso.size };
  }

  async #sourceOfClone(uuid: string, snapUUID: string, signal: AbortSignal): Promise<Source> {
    const { records } = this.#deps;
    const snapshot = snapUUID === "" ? undefined : records.find<SnapshotRecord>(kinds.snapshot, snapUUID);
    if (snapUUID !== "" && snapshot === undefined)
      throw new Fault("not-found", `There is no snapshot ${snapUUID}`);
    const inSnapshot = snapshot?.blockDevices.find((device) => device.uuid === uuid);
    if (snapshot !== undefined && inSnapshot === undefined)
      throw new Fault("not-found", `The snapshot has no block device ${uuid}`);
    if (inSnapshot?.layer !== undefined)
      return { layer: inSnapshot.layer, capacityBytes: inSnapshot.capacity };
    const device = this.#get(uuid);
    if (device.layer === undefined) throw new Fault("invalid", `A ${device.type} cannot be cloned`);
    return await this.#deps.locks.run(device.virDomainUUID, async () => {
      const now = this.#get(uuid);
      const frozen = await freezeDisks(this.#deps, now.virDomainUUID, [now], signal);
      return { layer: frozen.get(uuid) ?? "", capacityBytes: now.capacity };
    });
  }

  #get(uuid: string): BlockDeviceRecord {
    const device = this.#deps.records.find<BlockDeviceRecord>(kinds.blockDevice, uuid);
    if (device === undefined) throw new Fault("not-found", `There is no block device ${uuid}`);
    return device;
  }
}

function touch(changes: Changes, deps: VmDeps, { uuid }: VmRecord): void {
  changes.put(kinds.vm, { ...getVm(deps.records, uuid), modified: secondsOf(deps.now) } as VmRecord);
}
