import type { VirDomainNetDevice } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { Changes } from "#hypervisor/metadata/record-store.ts";
import { deviceIdOf } from "#hypervisor/qemu/machine-spec.ts";
import { TaskFailure, type TaskGoal, type TaskSubject } from "#hypervisor/tasks/task-list.ts";
import { checkNetDevice, newNetDevice } from "./new-vm.ts";
import { plugNic, unplugNic } from "./nic-operations.ts";
import { nicOf } from "./plan-machine.ts";
import { kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";
import { getVm, secondsOf, type VmDeps } from "./vm-deps.ts";
import type { Begun } from "./vm-service.ts";

/** Gives machines NICs, changes them, takes them away. */
export class NetDeviceService {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `not-found`, `invalid` */
  async create(body: Partial<VirDomainNetDevice>, sessionID: string): Promise<Begun> {
    const { records, tasks, locks } = this.#deps;
    const vm = getVm(records, body.virDomainUUID ?? "");
    const device = newNetDevice(vm.uuid, body);
    const taskTag = await tasks.begin(
      this.#subject(vm, device.uuid, "Create", "there", sessionID),
      async (_, signal) => await locks.run(vm.uuid, async () => await this.#plug(vm, device, signal)),
      (changes) => this.#put(changes, vm, device),
    );
    return { taskTag, createdUUID: device.uuid };
  }

  /** Its VLAN and whether it is connected change at once, the rest when the machine starts again. @throws {Fault} `not-found`, `invalid` */
  async update(
    uuid: string,
    body: Partial<VirDomainNetDevice>,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    checkNetDevice(body);
    const { records, locks, machines, networks } = this.#deps;
    const { virDomainUUID } = this.#get(uuid);
    return await locks.run(virDomainUUID, async () => {
      const before = this.#get(uuid);
      const after: NetDeviceRecord = {
        ...before,
        type: body.type ?? before.type,
        macAddress:
          body.macAddress === undefined || body.macAddress === "" ? before.macAddress : body.macAddress,
        vlan: body.vlan ?? before.vlan,
        connected: body.connected ?? before.connected,
      };
      const vm = getVm(records, virDomainUUID);
      const running = machines.find(virDomainUUID);
      const { vlan, connected: isConnected } = after;
      if (running !== undefined && (before.vlan !== vlan || before.connected !== isConnected)) {
        await networks.ensureTap({ uuid, vlan, userId: vm.userId, isConnected });
        await running.machine.qmp
          .execute("set_link", { name: deviceIdOf(uuid), up: isConnected }, signal)
          .catch(() => {});
      }
      const { goal: _, ...subject } = this.#subject(vm, uuid, "Update", "there", sessionID);
      const taskTag = await this.#deps.tasks.record(subject, (changes) => this.#put(changes, vm, after));
      return { taskTag, createdUUID: "" };
    });
  }

  /** Its task fails when the guest of a running machine does not let it go. Does nothing when there is none. */
  async remove(uuid: string, sessionID: string): Promise<Begun> {
    const { records, tasks, locks, machines, networks } = this.#deps;
    const device = records.find<NetDeviceRecord>(kinds.netDevice, uuid);
    if (device === undefined) return { taskTag: "", createdUUID: "" };
    const vm = getVm(records, device.virDomainUUID);
    const subject = this.#subject(vm, uuid, "Delete", "gone", sessionID);
    const taskTag = await tasks.begin(subject, async (progress, signal) => {
      await locks.run(vm.uuid, async () => {
        const running = machines.find(vm.uuid);
        const nic = nicOf(device, machines.place);
        if (running !== undefined && !(await unplugNic(running.machine, nic, signal)))
          throw new TaskFailure("Unable to delete network device from VM '%@': Still in use", [vm.name]);
        await networks.removeTap(uuid);
        await progress.commit((changes) => {
          const now = getVm(records, vm.uuid);
          const bootDevices = now.bootDevices.filter((boot) => boot !== uuid);
          changes.put(kinds.vm, { ...now, bootDevices, modified: secondsOf(this.#deps.now) } as VmRecord);
          changes.remove(kinds.netDevice, uuid);
        });
      });
    });
    return { taskTag, createdUUID: "" };
  }

  /** What cannot be plugged in now is there at the next start. */
  async #plug({ uuid, userId }: VmRecord, device: NetDeviceRecord, signal: AbortSignal): Promise<void> {
    const { machines, networks, log } = this.#deps;
    const running = machines.find(uuid);
    if (running === undefined) return;
    const { vlan, connected: isConnected } = device;
    try {
      await networks.ensureTap({ uuid: device.uuid, vlan, userId, isConnected });
      await plugNic(running.machine, nicOf(device, machines.place), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn("a NIC comes when the machine starts again", { vm: uuid, error });
    }
  }

  #subject(
    vm: VmRecord,
    uuid: string,
    verb: string,
    is: TaskGoal["is"],
    sessionID: string,
  ): TaskSubject & { readonly goal: TaskGoal } {
    return {
      description: `${verb} network device of VM '%@'`,
      parameters: [vm.name],
      objectUUID: uuid,
      sessionID,
      goal: { kind: kinds.netDevice, uuid, is },
    };
  }

  #put(changes: Changes, vm: VmRecord, device: NetDeviceRecord): void {
    const { records, now } = this.#deps;
    changes.put(kinds.vm, { ...getVm(records, vm.uuid), modified: secondsOf(now) } as VmRecord);
    changes.put(kinds.netDevice, device);
  }

  #get(uuid: string): NetDeviceRecord {
    const device = this.#deps.records.find<NetDeviceRecord>(kinds.netDevice, uuid);
    if (device === undefined) throw new Fault("not-found", `There is no network device ${uuid}`);
    return device;
  }
}
