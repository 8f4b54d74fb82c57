import { randomUUID } from "node:crypto";
import type { VirDomain } from "#api/hypercore/types.ts";
import { checkSeed } from "#hypervisor/cloud-init/seed.ts";
import type { LayerRecord } from "#hypervisor/disks/layer-store.ts";
import { type Moment, momentOf } from "./moment.ts";
import { checkDomain, type DomainBody, newMac, newNetDevice, newVm } from "./new-vm.ts";
import { type BlockDeviceRecord, kinds, type VmRecord } from "./records.ts";
import { secondsOf, type VmDeps } from "./vm-deps.ts";
import type { Begun, Draft, VmService } from "./vm-service.ts";

/** Copies machines by reference: every disk of the copy is a layer on a still one, of any size in milliseconds. */
export class CloneService {
  readonly #deps: VmDeps;
  readonly #vms: VmService;

  constructor(deps: VmDeps, vms: VmService) {
    this.#deps = deps;
    this.#vms = vms;
  }

  /**
   * The source may run. Its seed is not copied; the template's makes a new one.
   *
   * @param snapUUID empty for the machine as it is
   * @throws {Fault} `not-found`, `invalid`
   */
  async clone(
    uuid: string,
    snapUUID: string,
    template: DomainBody,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<Begun> {
    checkDomain(template);
    if (template.cloudInitData !== undefined) checkSeed({ ...noSeed, ...template.cloudInitData });
    const moment = await momentOf(this.#deps, uuid, snapUUID, signal);
    const { layers } = this.#deps;
    return await layers.adding(async () => {
      const draft = await this.#copy(moment, template, signal);
      return await this.#vms.commit(this.#vms.withSeed(draft), "Clone VM '%@'", sessionID);
    });
  }

  async #copy(moment: Moment, template: DomainBody, signal: AbortSignal): Promise<Draft> {
    const { records, layers, isos, now } = this.#deps;
    const userIds = records.list<VmRecord>(kinds.vm).map(({ userId }) => userId);
    const fresh = newVm(bodyOf(moment.vm, template), "", { nowS: secondsOf(now), userIds });
    const vm: VmRecord = { ...fresh, sourceVirDomainUUID: moment.vm.uuid };
    const renamed = new Map<string, string>();
    const made: LayerRecord[] = [];
    const blockDevices: BlockDeviceRecord[] = [];
    for (const device of moment.blockDevices) {
      const isOwnSeed =
        device.isoUUID !== undefined && isos.find(device.isoUUID)?.ownerUUID === moment.vm.uuid;
      if (isOwnSeed) continue;
      const { layer: parent, nextLayer: _, ...rest } = device;
      const uuid = randomUUID();
      renamed.set(device.uuid, uuid);
      const copy = { ...rest, uuid, virDomainUUID: vm.uuid, createdTimestamp: vm.created };
      if (parent === undefined) {
        blockDevices.push(copy);
        continue;
      }
      const layer = await layers.create(
        { parent, capacityBytes: device.capacity, userId: vm.userId },
        signal,
      );
      made.push(layer);
      blockDevices.push({ ...copy, layer: layer.uuid });
    }
    const netDevices =
      template.netDevs?.map((body) => newNetDevice(vm.uuid, body)) ??
      moment.netDevices.map((device) => {
        const uuid = randomUUID();
        renamed.set(device.uuid, uuid);
        return { ...device, uuid, virDomainUUID: vm.uuid, macAddress: newMac() };
      });
    const bootDevices = moment.vm.bootDevices.flatMap((boot) => renamed.get(boot) ?? []);
    return { vm: { ...vm, bootDevices }, blockDevices, netDevices, layers: made, isos: [] };
  }
}

const noSeed: Partial<VirDomain["cloudInitData"]> = { userData: "", metaData: "" };

/** What the copy has of its source, and what the template says otherwise. */
function bodyOf(vm: VmRecord, template: DomainBody): DomainBody {
  return {
    name: template.name ?? vm.name,
    description: template.description ?? vm.description,
    tags: template.tags ?? vm.tags,
    mem: template.mem ?? vm.memBytes,
    numVCPU: template.numVCPU ?? vm.numVCPU,
    operatingSystem: template.operatingSystem ?? vm.operatingSystem,
    machineType: vm.machineType,
    cpuType: vm.cpuType,
    ...(template.cloudInitData !== undefined && { cloudInitData: template.cloudInitData }),
  };
}
