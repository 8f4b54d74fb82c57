import type {
  VirDomain,
  VirDomainBlockDevice,
  VirDomainNetDevice,
  VirDomainSnapshot,
} from "#api/hypercore/types.ts";
import {
  type BlockDeviceRecord,
  kinds,
  type NetDeviceRecord,
  type SnapshotRecord,
  type VmRecord,
} from "./records.ts";
import { virDomainOf, type VmSight } from "./view.ts";
import { replicationsOf, type VmDeps } from "./vm-deps.ts";

/** Machines and what belongs to them, as clients read them. A list of all costs one pass over the records. */
export class VmReader {
  readonly #deps: VmDeps;
  readonly #nodeIP: () => string;

  constructor(deps: VmDeps, nodeIP: () => string) {
    this.#deps = deps;
    this.#nodeIP = nodeIP;
  }

  list(): readonly VirDomain[] {
    const { records } = this.#deps;
    const blockDevices = Map.groupBy(
      records.list<BlockDeviceRecord>(kinds.blockDevice),
      (device) => device.virDomainUUID,
    );
    const netDevices = Map.groupBy(
      records.list<NetDeviceRecord>(kinds.netDevice),
      (device) => device.virDomainUUID,
    );
    const snapshots = Map.groupBy(
      records.list<SnapshotRecord>(kinds.snapshot),
      (snapshot) => snapshot.domainUUID,
    );
    const nodeIP = this.#nodeIP();
    return records.list<VmRecord>(kinds.vm).map((vm) => {
      const own = blockDevices.get(vm.uuid) ?? [];
      return virDomainOf(
        vm,
        own,
        netDevices.get(vm.uuid) ?? [],
        this.#sight(vm, own, snapshots.get(vm.uuid) ?? [], nodeIP),
      );
    });
  }

  find(uuid: string): VirDomain | undefined {
    const { records } = this.#deps;
    const vm = records.find<VmRecord>(kinds.vm, uuid);
    if (vm === undefined) return undefined;
    const own = records
      .list<BlockDeviceRecord>(kinds.blockDevice)
      .filter((device) => device.virDomainUUID === uuid);
    const nics = records
      .list<NetDeviceRecord>(kinds.netDevice)
      .filter((device) => device.virDomainUUID === uuid);
    const snapshots = records
      .list<SnapshotRecord>(kinds.snapshot)
      .filter((snapshot) => snapshot.domainUUID === uuid);
    return virDomainOf(vm, own, nics, this.#sight(vm, own, snapshots, this.#nodeIP()));
  }

  blockDevices(): readonly VirDomainBlockDevice[] {
    return this.list().flatMap(({ blockDevs }) => blockDevs);
  }

  netDevices(): readonly VirDomainNetDevice[] {
    return this.list().flatMap(({ netDevs }) => netDevs);
  }

  snapshots(): readonly VirDomainSnapshot[] {
    return this.#deps.records
      .list<SnapshotRecord>(kinds.snapshot)
      .map((snapshot) => this.#snapshot(snapshot));
  }

  #snapshot(snapshot: SnapshotRecord): VirDomainSnapshot {
    const { vm, blockDevices, netDevices, serialNumber, ...record } = snapshot;
    const sight = { ...this.#still(vm), snapUUIDs: [] };
    const domain = virDomainOf(
      { ...vm, snapshotSerialNumber: serialNumber },
      blockDevices,
      netDevices,
      sight,
    );
    return {
      ...record,
      domain,
      deviceSnapshots: blockDevices
        .filter(({ layer }) => layer !== undefined)
        .map(({ uuid, layer = "" }) => ({
          uuid,
          timestamp: snapshot.timestamp,
          serialNumber,
          blockCountDiff: 0,
          identifier: layer,
          checksum: "",
        })),
      unavailable: false,
      blockCountDiff: 0,
      state: "CREATED",
      blockCountDiffFromSerialNumber: serialNumber - 1,
    };
  }

  #sight(
    vm: VmRecord,
    blockDevices: readonly BlockDeviceRecord[],
    snapshots: readonly SnapshotRecord[],
    nodeIP: string,
  ): VmSight {
    const { machines, tasks, nodeUUID } = this.#deps;
    const running = machines.find(vm.uuid);
    const state = machines.stateOf(vm);
    const latestTaskTag = tasks.latestOf(vm.uuid);
    const snapUUIDs = snapshots.map(({ uuid }) => uuid);
    if (running === undefined) return { ...this.#still(vm), state, latestTaskTag, snapUUIDs };
    const { addresses, mountPoints } = running.agent.look();
    return {
      ...this.#still(vm),
      state,
      nodeUUID,
      nodeIP,
      guestAgentState: running.agent.state,
      addresses,
      mountPoints: byDevice(blockDevices, mountPoints),
      latestTaskTag,
      snapUUIDs,
    };
  }

  /** Of a machine that does not run. */
  #still(vm: VmRecord): VmSight {
    return {
      state: "SHUTOFF",
      nodeUUID: "",
      nodeIP: "",
      guestAgentState: "UNAVAILABLE",
      addresses: new Map(),
      mountPoints: new Map(),
      allocatedBytes: (layer) => this.#deps.layers.allocatedBytes(layer),
      latestTaskTag: this.#deps.tasks.latestOf(`${vm.uuid} of a snapshot`),
      snapUUIDs: [],
      replicationUUIDs: replicationsOf(this.#deps.records, vm.uuid).map(({ uuid }) => uuid),
    };
  }
}

/** Disks tell the guest their uuid as their serial number. */
function byDevice(
  devices: readonly BlockDeviceRecord[],
  mountPoints: readonly { readonly serial: string; readonly path: string }[],
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { uuid } of devices) {
    const serial = uuid.replaceAll("-", "").slice(0, 20);
    const paths = mountPoints.filter((mount) => mount.serial.endsWith(serial)).map(({ path }) => path);
    if (paths.length > 0) found.set(uuid, paths);
  }
  return found;
}
