import type { VirDomainNetDevice } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { deviceIdOf } from "#hypervisor/qemu/machine-spec.ts";
import { checkNetDevice, newNetDevice } from "./new-vm.ts";
import { kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";
import { getVm, secondsOf, type VmDeps } from "./vm-deps.ts";
import type { Begun } from "./vm-service.ts";

/** Gives machines NICs, changes them, takes them away. A machine that runs gets a new one when it starts again. */
export class NetDeviceService {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /** @throws {Fault} `not-found`, `invalid` */
  async create(body: Partial<VirDomainNetDevice>, sessionID: string): Promise<Begun> {
    const { records } = this.#deps;
    const vm = getVm(records, body.virDomainUUID ?? "");
    const device = newNetDevice(vm.uuid, body);
    const taskTag = await this.#commit(vm, device.uuid, "Create", sessionID, device);
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
      return { taskTag: await this.#commit(vm, uuid, "Update", sessionID, after), createdUUID: "" };
    });
  }

  /** Does nothing when there is none. @throws {Fault} `conflict` while the machine runs */
  async remove(uuid: string, sessionID: string): Promise<Begun> {
    const { records, locks, machines, networks } = this.#deps;
    const device = records.find<NetDeviceRecord>(kinds.netDevice, uuid);
    if (device === undefined) return { taskTag: "", createdUUID: "" };
    return await locks.run(device.virDomainUUID, async () => {
      const vm = getVm(records, device.virDomainUUID);
      if (machines.find(vm.uuid) !== undefined) throw new Fault("conflict", `VM '${vm.name}' is running`);
      const taskTag = await this.#commit(vm, uuid, "Delete", sessionID);
      await networks.removeTap(uuid);
      return { taskTag, createdUUID: "" };
    });
  }

  async #commit(
    vm: VmRecord,
    uuid: string,
    verb: string,
    sessionID: string,
    device?: NetDeviceRecord,
  ): Promise<string> {
    const { records, tasks } = this.#deps;
    const subject = {
      description: `${verb} network device of VM '%@'`,
      parameters: [vm.name],
      objectUUID: uuid,
      sessionID,
    };
    return await tasks.record(subject, (changes) => {
      const now = getVm(records, vm.uuid);
      const bootDevices =
        device === undefined ? now.bootDevices.filter((boot) => boot !== uuid) : now.bootDevices;
      changes.put(kinds.vm, { ...now, bootDevices, modified: secondsOf(this.#deps.now) } as VmRecord);
      if (device === undefined) changes.remove(kinds.netDevice, uuid);
      else changes.put(kinds.netDevice, device);
    });
  }

  #get(uuid: string): NetDeviceRecord {
    const device = this.#deps.records.find<NetDeviceRecord>(kinds.netDevice, uuid);
    if (device === undefined) throw new Fault("not-found", `There is no network device ${uuid}`);
    return device;
  }
}
