import type { CloudInitData } from "#api/hypercore/types.ts";
import type { Changes } from "#hypervisor/metadata/record-store.ts";
import { checkSeed, hasSeed, seedName, writeSeed } from "#hypervisor/cloud-init/seed.ts";
import type { LayerRecord } from "#hypervisor/disks/layer-store.ts";
import type { VirtualDiskRecord } from "#hypervisor/disks/virtual-disk-library.ts";
import type { IsoRecord } from "#hypervisor/images/iso-library.ts";
import { Fault } from "#base/fault.ts";
import { rmSync } from "node:fs";
import { checkDomain, type DomainBody, newBlockDevice, newNetDevice, newVm } from "./new-vm.ts";
import { firmwareFiles } from "./plan-machine.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";
import { resolveBootDevices } from "./boot-devices.ts";
import {
  blockDevicesOf,
  getVm,
  isDisk,
  netDevicesOf,
  replicationsOf,
  secondsOf,
  snapshotsOf,
  type VmDeps,
} from "./vm-deps.ts";

/** What was begun: its task, and what it makes. */
export interface Begun {
  readonly taskTag: string;
  readonly createdUUID: string;
}

/** A machine with all that comes with it, before any of it is recorded. */
export interface Draft {
  readonly vm: VmRecord;
  readonly blockDevices: readonly BlockDeviceRecord[];
  readonly netDevices: readonly NetDeviceRecord[];
  readonly layers: readonly LayerRecord[];
  readonly isos: readonly IsoRecord[];
}

const noSeed: Partial<CloudInitData> = { userData: "", metaData: "" };

/** Makes, changes and removes machines. */
export class VmService {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `invalid` for what no machine can have; `exhausted` when the disk is full; nothing is made then */
  async create(
    body: DomainBody,
    options: { readonly attachGuestToolsISO?: boolean; readonly machineTypeKeyword?: string },
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    checkDomain(body);
    if (body.cloudInitData !== undefined) checkSeed({ ...noSeed, ...body.cloudInitData });
    const { layers, records } = this.#deps;
    const nowS = secondsOf(this.#deps.now);
    return await layers.adding(async () => {
      const userIds = records.list<VmRecord>(kinds.vm).map(({ userId }) => userId);
      const vm = newVm(body, options.machineTypeKeyword ?? "", { nowS, userIds });
      const made: LayerRecord[] = [];
      const blockDevices: BlockDeviceRecord[] = [];
      const names = new Map<string, string>();
      for (const given of body.blockDevs ?? []) {
        const { device, layer } = await this.#newDevice(vm, given, blockDevices, signal);
        blockDevices.push(device);
        if (layer !== undefined) made.push(layer);
        // The uuid of a device that is to be made is only its client's word for it.
        if (given.uuid !== undefined && given.uuid !== "") names.set(given.uuid, device.uuid);
      }
      const tools = options.attachGuestToolsISO === false ? undefined : this.#guestToolsFor(vm);
      if (tools !== undefined) {
        const drive = newBlockDevice(vm.uuid, { type: "IDE_CDROM" }, blockDevices, nowS);
        blockDevices.push({ ...drive, isoUUID: tools.uuid, name: tools.name, capacity: tools.size });
      }
      const netDevices = (body.netDevs ?? []).map((given) => newNetDevice(vm.uuid, given));
      const asked = (body.bootDevices ?? []).map((name) => names.get(name) ?? name);
      const bootDevices = resolveBootDevices(asked, blockDevices, netDevices);
      const draft = { vm: { ...vm, bootDevices }, blockDevices, netDevices, layers: made, isos: [] };
      return await this.commit(this.withSeed(draft), "Create VM '%@'", sessionID);
    });
  }

  /** The machine with cloud-init's medium in a last drive, if it has data for it. */
  withSeed(draft: Draft): Draft {
    const { vm, blockDevices } = draft;
    if (!hasSeed(vm.cloudInitData)) return draft;
    const iso = this.#deps.isos.make(seedName(vm.uuid), writeSeed(vm.cloudInitData, vm.uuid), vm.uuid);
    const drive = newBlockDevice(vm.uuid, { type: "IDE_CDROM" }, blockDevices, vm.created);
    const loaded = { ...drive, isoUUID: iso.uuid, name: iso.name, capacity: iso.size };
    return { ...draft, blockDevices: [...blockDevices, loaded], isos: [...draft.isos, iso] };
  }

  /** Records a machine whose files are there. Part of {@link LayerStore.adding}. */
  async commit(draft: Draft, description: string, sessionID: string): Promise<Begun> {
    const { tasks, isos } = this.#deps;
    const { uuid, name } = draft.vm;
    try {
      const subject = { description, parameters: [name], objectUUID: uuid, sessionID };
      const taskTag = await tasks.record(subject, (changes) => this.record(changes, draft));
      return { taskTag, createdUUID: uuid };
    } catch (error) {
      for (const iso of draft.isos) isos.removeFile(iso.uuid);
      throw error;
    }
  }

  /**
   * Changes a machine's own fields; its devices are changed one by one. What a running machine cannot change is seen at once and
   * takes effect when it starts again.
   *
   * @throws {Fault} `not-found`, `invalid`
   */
  async update(uuid: string, body: DomainBody, sessionID: string): Promise<Begun> {
    checkDomain(body);
    if (body.cloudInitData !== undefined) checkSeed({ ...noSeed, ...body.cloudInitData });
    const { records, tasks, locks, isos } = this.#deps;
    return await locks.run(uuid, async () => {
      const before = getVm(records, uuid);
      const devices = blockDevicesOf(records, uuid);
      const changed = changeOf(before, body, devices, netDevicesOf(records, uuid));
      const vm = { ...changed, modified: secondsOf(this.#deps.now) };
      const isNewSeed =
        body.cloudInitData !== undefined && !isSameSeed(before, vm) && hasSeed(vm.cloudInitData);
      const seed = isNewSeed ? isos.make(seedName(uuid), writeSeed(vm.cloudInitData, uuid), uuid) : undefined;
      const old = isos.list().find(({ ownerUUID }) => ownerUUID === uuid);
      const subject = { description: "Update VM '%@'", parameters: [vm.name], objectUUID: uuid, sessionID };
      const taskTag = await tasks.record(subject, (changes) => {
        changes.put(kinds.vm, vm);
        if (seed === undefined) return;
        isos.record(changes, seed);
        if (old !== undefined) isos.forget(changes, old.uuid);
        const drive = devices.find(({ isoUUID }) => isoUUID !== undefined && isoUUID === old?.uuid);
        const base = drive ?? newBlockDevice(uuid, { type: "IDE_CDROM" }, devices, vm.modified);
        changes.put(kinds.blockDevice, {
          ...base,
          isoUUID: seed.uuid,
          name: seed.name,
          capacity: seed.size,
        } as BlockDeviceRecord);
      });
      if (seed !== undefined && old !== undefined) isos.removeFile(old.uuid);
      return { taskTag, createdUUID: "" };
    });
  }

  /** Removes a machine with its disks, snapshots and seed. @throws {Fault} `conflict` while it runs */
  async remove(uuid: string, sessionID: string): Promise<Begun> {
    const { records, tasks, locks, machines, networks, isos, layers } = this.#deps;
    return await locks.run(uuid, async () => {
      const vm = records.find<VmRecord>(kinds.vm, uuid);
      if (vm === undefined) return { taskTag: "", createdUUID: "" };
      if (machines.find(uuid) !== undefined) throw new Fault("conflict", `VM '${vm.name}' is running`);
      const subject = {
        description: "Delete VM '%@'",
        parameters: [vm.name],
        objectUUID: uuid,
        sessionID,
        goal: { kind: kinds.vm, uuid, is: "gone" as const },
      };
      const own = isos.list().filter(({ ownerUUID }) => ownerUUID === uuid);
      const nics = netDevicesOf(records, uuid);
      const taskTag = await tasks.begin(
        subject,
        async () => {
          for (const iso of own) isos.removeFile(iso.uuid);
          for (const nic of nics) await networks.removeTap(nic.uuid);
          const { vars, tpm } = firmwareFiles(layers.folder, uuid);
          rmSync(vars, { force: true });
          rmSync(tpm, { recursive: true, force: true });
          await layers.collect();
        },
        (changes) => {
          changes.remove(kinds.vm, uuid);
          for (const device of blockDevicesOf(records, uuid)) changes.remove(kinds.blockDevice, device.uuid);
          for (const nic of nics) changes.remove(kinds.netDevice, nic.uuid);
          for (const snapshot of snapshotsOf(records, uuid)) changes.remove(kinds.snapshot, snapshot.uuid);
          for (const each of replicationsOf(records, uuid)) changes.remove(kinds.replication, each.uuid);
          for (const iso of own) isos.forget(changes, iso.uuid);
        },
      );
      return { taskTag, createdUUID: "" };
    });
  }

  /** The records of a draft, as part of a change. Part of {@link LayerStore.adding}. */
  record(changes: Changes, { vm, blockDevices, netDevices, layers, isos }: Draft): void {
    changes.put(kinds.vm, vm);
    for (const layer of layers) this.#deps.layers.record(changes, layer);
    for (const iso of isos) this.#deps.isos.record(changes, iso);
    for (const device of blockDevices) changes.put(kinds.blockDevice, device);
    for (const device of netDevices) changes.put(kinds.netDevice, device);
  }

  /** Drivers and an agent for Windows: the newest medium of the library that is called so. */
  #guestToolsFor({ operatingSystem }: VmRecord): IsoRecord | undefined {
    if (!operatingSystem.startsWith("os_windows")) return undefined;
    return this.#deps.isos
      .list()
      .findLast(({ name, readyForInsert }) => readyForInsert && name.startsWith("scale-guest-tools-"));
  }

  async #newDevice(
    vm: VmRecord,
    given: NonNullable<DomainBody["blockDevs"]>[number],
    others: readonly BlockDeviceRecord[],
    signal: AbortSignal,
  ): Promise<{ readonly device: BlockDeviceRecord; readonly layer?: LayerRecord }> {
    const { layers, isos } = this.#deps;
    const source = sourceOf(this.#deps, given.path ?? "");
    const slot = others.some((device) => device.type === given.type && device.slot === given.slot)
      ? -1
      : given.slot;
    const capacity = Math.max(given.capacity ?? 0, source?.capacityBytes ?? 0);
    const device = newBlockDevice(
      vm.uuid,
      { ...given, capacity, ...(slot !== undefined && { slot }) },
      others,
      vm.created,
    );
    if (device.type === "IDE_CDROM") {
      const iso = isos.find(uuidOfPath(given.path ?? ""));
      return {
        device:
          iso === undefined ? device : { ...device, isoUUID: iso.uuid, name: iso.name, capacity: iso.size },
      };
    }
    if (!isDisk(device.type)) return { device };
    const parent = source?.layer;
    const layer = await layers.create(
      { capacityBytes: device.capacity, userId: vm.userId, ...(parent !== undefined && { parent }) },
      signal,
    );
    return { device: { ...device, layer: layer.uuid }, layer };
  }
}

/** What a path names that a disk can begin with: an uploaded disk. */
export function sourceOf(
  deps: VmDeps,
  path: string,
): { readonly layer: string; readonly capacityBytes: number } | undefined {
  return deps.records.find<VirtualDiskRecord>(kinds.virtualDisk, uuidOfPath(path));
}

/** @see reference: a path is `scribe/<uuid>` */
export function uuidOfPath(path: string): string {
  return path.replace(/^scribe\//, "");
}

function isSameSeed(one: VmRecord, other: VmRecord): boolean {
  return (
    one.cloudInitData.userData === other.cloudInitData.userData &&
    one.cloudInitData.metaData === other.cloudInitData.metaData
  );
}

function changeOf(
  vm: VmRecord,
  body: DomainBody,
  blockDevices: readonly BlockDeviceRecord[],
  netDevices: readonly NetDeviceRecord[],
): VmRecord {
  const { bootDevices, mem, affinityStrategy, cloudInitData, machineType } = body;
  const own = [
    "name",
    "description",
    "tags",
    "operatingSystem",
    "cpuType",
    "numVCPU",
    "snapshotScheduleUUID",
  ] as const;
  const plain = Object.fromEntries(
    own.flatMap((field) => (body[field] === undefined ? [] : [[field, body[field]]])),
  );
  return {
    ...vm,
    ...plain,
    ...(mem !== undefined && { memBytes: mem }),
    ...(machineType !== undefined && machineType !== "" && { machineType }),
    ...(affinityStrategy !== undefined && {
      affinityStrategy: { ...vm.affinityStrategy, ...affinityStrategy },
    }),
    ...(cloudInitData !== undefined && { cloudInitData: { ...vm.cloudInitData, ...cloudInitData } }),
    ...(bootDevices !== undefined && {
      bootDevices: resolveBootDevices(bootDevices, blockDevices, netDevices),
    }),
  };
}
