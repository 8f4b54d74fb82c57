import { randomUUID } from "node:crypto";
import type { VirDomainSnapshot } from "#api/hypercore/types.ts";
import { stillNow } from "./moment.ts";
import { kinds, type SnapshotRecord, type VmRecord } from "./records.ts";
import { blockDevicesOf, getVm, netDevicesOf, secondsOf, type VmDeps } from "./vm-deps.ts";
import type { Begun } from "./vm-service.ts";

/** Keeps machines as they are at a moment: all their disks at once, with the guest's file systems at rest where it can see to that. */
export class SnapshotService {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `not-found` */
  async create(body: Partial<VirDomainSnapshot>, sessionID: string): Promise<Begun> {
    const { records, tasks } = this.#deps;
    const vm = getVm(records, body.domainUUID ?? "");
    const uuid = randomUUID();
    const subject = {
      description: "Create snapshot of VM '%@'",
      parameters: [vm.name],
      objectUUID: uuid,
      sessionID,
      goal: { kind: kinds.snapshot, uuid, is: "there" as const },
    };
    const taskTag = await tasks.begin(
      subject,
      async (_, signal) => await this.take(vm.uuid, uuid, body, signal),
    );
    return { taskTag, createdUUID: uuid };
  }

  async take(
    vmUUID: string,
    uuid: string,
    body: Partial<VirDomainSnapshot>,
    signal: AbortSignal,
  ): Promise<void> {
    const { records, locks, now } = this.#deps;
    await locks.run(vmUUID, async () => {
      const vm = getVm(records, vmUUID);
      const all = blockDevicesOf(records, vmUUID);
      const kept = all.filter(({ disableSnapshotting }) => !disableSnapshotting);
      const { blockDevices, quiesced } = await stillNow(this.#deps, vmUUID, kept, signal);
      const serialNumber = vm.snapshotSerialNumber + 1;
      const record: SnapshotRecord = {
        uuid,
        domainUUID: vmUUID,
        label: body.label ?? "",
        type: body.type ?? "USER",
        timestamp: secondsOf(now),
        serialNumber,
        automatedTriggerTimestamp: body.automatedTriggerTimestamp ?? 0,
        localRetainUntilTimestamp: body.localRetainUntilTimestamp ?? 0,
        remoteRetainUntilTimestamp: body.remoteRetainUntilTimestamp ?? 0,
        replication: body.replication ?? true,
        quiesced,
        vm,
        blockDevices,
        netDevices: netDevicesOf(records, vmUUID),
      };
      await records.change((changes) => {
        changes.put(kinds.snapshot, record);
        changes.put(kinds.vm, { ...getVm(records, vmUUID), snapshotSerialNumber: serialNumber } as VmRecord);
      });
    });
  }

  /** Does nothing when there is none. */
  async remove(uuid: string, sessionID: string): Promise<Begun> {
    const { records, tasks, layers } = this.#deps;
    const snapshot = records.find<SnapshotRecord>(kinds.snapshot, uuid);
    if (snapshot === undefined) return { taskTag: "", createdUUID: "" };
    const subject = {
      description: "Delete snapshot of VM '%@'",
      parameters: [snapshot.vm.name],
      objectUUID: uuid,
      sessionID,
      goal: { kind: kinds.snapshot, uuid, is: "gone" as const },
    };
    const taskTag = await tasks.begin(
      subject,
      async () => await layers.collect(),
      (changes) => changes.remove(kinds.snapshot, uuid),
    );
    return { taskTag, createdUUID: "" };
  }

  /** Removes automatic ones that need not be kept any longer. */
  async expire(): Promise<void> {
    const { records, layers, now } = this.#deps;
    const nowS = secondsOf(now);
    const old = records
      .list<SnapshotRecord>(kinds.snapshot)
      .filter(({ localRetainUntilTimestamp: until }) => until > 0 && until <= nowS);
    if (old.length === 0) return;
    await records.change((changes) => {
      for (const { uuid } of old) changes.remove(kinds.snapshot, uuid);
    });
    await layers.collect();
  }
}
