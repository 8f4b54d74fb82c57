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
  type ReplicationRecord,
  type SnapshotRecord,
  type VmRecord,
} from "./records.ts";
import { virDomainOf, type VmSight } from "./view.ts";
import {
  blockDevicesByVm,
  blockDevicesOf,
  netDevicesByVm,
  netDevicesOf,
  replicationsOf,
  snapshotsOf,
  type VmDeps,
} from "./vm-deps.ts";

/** What there is of one machine. */
interface Belongings {
  readonly blockDevices: readonly BlockDeviceRecord[];
  readonly netDevices: readonly NetDeviceRecord[];
  readonly snapshots: readonly SnapshotRecord[];
  readonly replications: readonly ReplicationRecord[];
}

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
    const blockDevices = blockDevicesByVm(records);
    const netDevices = netDevicesByVm(records);
    const snapshots = Map.groupBy(
      records.list<SnapshotRecord>(kinds.snapshot),
      (snapshot) => snapshot.domainUUID,
    );
    const replications = Map.groupBy(
      records.list<ReplicationRecord>(kinds.replication),
      (replication) => replication.sourceDomainUUID,
    );
    const nodeIP = this.#nodeIP();
    return records.list<VmRecord>(kinds.vm).map((vm) =>
      this.#shown(
        vm,
        {
          blockDevices: blockDevices.get(vm.uuid) ?? [],
          netDevices: netDevices.get(vm.uuid) ?? [],
          snapshots: snapshots.get(vm.uuid) ?? [],
          replications: replications.get(vm.uuid) ?? [],
        },
        nodeIP,
      ),
    );
  }

  find(uuid: string): VirDomain | undefined {
    const { records } = this.#deps;
    const vm = records.find<VmRecord>(kinds.vm, uuid);
    if (vm === undefined) return undefined;
    const own: Belongings = {
      blockDevices: blockDevicesOf(records, uuid),
      netDevices: netDevicesOf(records, uuid),
      snapshots: snapshotsOf(records, uuid),
      replications: replicationsOf(records, uuid),
    };
    return this.#shown(vm, own, this.#nodeIP());
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
    const sight = this.#still(vm, replicationsOf(this.#deps.records, vm.uuid));
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

  #shown(vm: VmRecord, own: Belongings, nodeIP: string): VirDomain {
    const { machines, tasks, nodeUUID } = this.#deps;
    const { blockDevices, netDevices } = own;
    const running = machines.find(vm.uuid);
    const still: VmSight = {
      ...this.#still(vm, own.replications),
      state: machines.stateOf(vm),
      latestTaskTag: tasks.latestOf(vm.uuid),
      snapUUIDs: own.snapshots.map(({ uuid }) => uuid),
    };
    if (running === undefined) return virDomainOf(vm, blockDevices, netDevices, still);
    const { addresses, mountPoints } = running.agent.look();
    const sight: VmSight = {
      ...still,
      nodeUUID,
      nodeIP,
      guestAgentState: running.agent.state,
      addresses,
      mountPoints: byDevice(blockDevices, mountPoints),
    };
    return virDomainOf(vm, blockDevices, netDevices, sight);
  }

  /** Of a machine that does not run. */
  #still(vm: VmRecord, replications: readonly ReplicationRecord[]): VmSight {
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
      replicationUUIDs: replications.map(({ uuid }) => uuid),
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
