import { copyFileSync, chownSync, existsSync, rmSync } from "node:fs";
import type { VirDomainState } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { LayerStore } from "#hypervisor/disks/layer-store.ts";
import type { IsoLibrary } from "#hypervisor/images/iso-library.ts";
import type { RecordStore } from "#hypervisor/metadata/record-store.ts";
import type { VirtualNetworks } from "#hypervisor/networks/virtual-networks.ts";
import {
  findMachine,
  endUnreachable,
  forgetMachine,
  type LaunchDeps,
  launchMachine,
  socketsOf,
} from "#hypervisor/qemu/launch.ts";
import type { Machine } from "#hypervisor/qemu/machine.ts";
import type { Firmware } from "#hypervisor/qemu/machine-spec.ts";
import { startTpm } from "#hypervisor/qemu/tpm.ts";
import { GuestAgent } from "./guest-agent.ts";
import { firmwareOf } from "./machine-types.ts";
import { firmwareFiles, type MachinePlace, planMachine } from "./plan-machine.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";

/** A machine that runs, with what we talk to it by. */
export interface Running {
  readonly machine: Machine;
  readonly agent: GuestAgent;
}

export interface MachineTableDeps {
  readonly records: RecordStore;
  readonly layers: LayerStore;
  readonly isos: IsoLibrary;
  readonly networks: VirtualNetworks;
  readonly launch: LaunchDeps;
  readonly canBypassCache: boolean;
  readonly log: Log;
}

/** UEFI's code, and the variables that a new machine begins with. */
const uefi = { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", vars: "/usr/share/OVMF/OVMF_VARS_4M.fd" };

/** The machines that run. What ends is written to its record before anybody is told. */
export class MachineTable implements Disposable {
  readonly #deps: MachineTableDeps;
  readonly #running = new Map<string, Running>();
  readonly #endings = new Map<string, Promise<void>>();

  constructor(deps: MachineTableDeps) {
    this.#deps = deps;
  }

  get place(): Omit<MachinePlace, "firmware" | "sockets"> {
    const { layers, isos, networks, canBypassCache } = this.#deps;
    return {
      fileOfLayer: (layer) => layers.fileOf(layer),
      fileOfIso: (iso) => isos.fileOf(iso),
      tapOf: (device) => networks.tapOf(device),
      canBypassCache,
    };
  }

  find(uuid: string): Running | undefined {
    return this.#running.get(uuid);
  }

  get runningUUIDs(): readonly string[] {
    return [...this.#running.keys()];
  }

  stateOf(vm: VmRecord): VirDomainState {
    return this.#running.get(vm.uuid)?.machine.state ?? (vm.hasCrashed ? "CRASHED" : "SHUTOFF");
  }

  /** Takes over a machine that an earlier daemon has started. Undefined when it runs no more. */
  async adopt(vm: VmRecord, signal: AbortSignal): Promise<Running | undefined> {
    const machine = await findMachine(this.#deps.launch.runFolder, vm.uuid, signal);
    if (machine === undefined) {
      await endUnreachable(this.#deps.launch, vm.uuid);
      return undefined;
    }
    return this.#watch(machine);
  }

  /**
   * Starts a machine; does nothing when it runs.
   *
   * @throws {Fault} `precondition` when it cannot start, with the reason
   */
  async start(
    vm: VmRecord,
    blockDevices: readonly BlockDeviceRecord[],
    netDevices: readonly NetDeviceRecord[],
    signal: AbortSignal,
  ): Promise<Running> {
    const running = this.#running.get(vm.uuid);
    if (running !== undefined && !running.machine.qmp.isClosed) return running;
    await this.#endings.get(vm.uuid);
    if (vm.numVCPU < 1) throw new Fault("precondition", `VM '${vm.name}' has no CPU`);
    if (vm.memBytes < 1 << 20) throw new Fault("precondition", `VM '${vm.name}' has no memory`);
    const { networks, launch, layers } = this.#deps;
    for (const { uuid, vlan, connected } of netDevices)
      await networks.ensureTap({ uuid, vlan, userId: vm.userId, isConnected: connected });
    for (const { layer } of blockDevices) if (layer !== undefined) layers.give(layer, vm.userId);
    const sockets = socketsOf(launch.runFolder, vm.uuid);
    const firmware = await this.#firmware(vm, signal);
    const spec = planMachine(vm, blockDevices, netDevices, { ...this.place, firmware, sockets });
    // It is among those that run before anybody thinks that its layers are not open.
    return await layers.opening(async () => this.#watch(await launchMachine(launch, spec, signal)));
  }

  /** Cuts the power; does nothing when it does not run. */
  async stop(uuid: string, signal: AbortSignal): Promise<void> {
    const running = this.#running.get(uuid);
    if (running === undefined) return;
    await running.machine.stop(signal);
    await this.#endings.get(uuid);
  }

  /** Resolves when the machine has ended and that is recorded; at once when it does not run. */
  async ended(uuid: string): Promise<void> {
    const running = this.#running.get(uuid);
    if (running !== undefined) await running.machine.ended();
    await this.#endings.get(uuid);
  }

  /** Lets go of all of them; they go on. */
  [Symbol.dispose](): void {
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const { machine, agent } of all) {
      agent[Symbol.dispose]();
      machine[Symbol.dispose]();
    }
  }

  #watch(machine: Machine): Running {
    const { uuid } = machine;
    const socket = socketsOf(this.#deps.launch.runFolder, uuid).agent;
    const running = { machine, agent: new GuestAgent(socket, machine.qmp) };
    this.#running.set(uuid, running);
    const ending = machine.ended().then(async (end) => {
      // Let go of, it has not ended.
      if (this.#running.get(uuid) !== running) return;
      running.agent[Symbol.dispose]();
      await forgetMachine(this.#deps.launch, uuid);
      const tell = (what: string) => (error: unknown) => this.#deps.log.error(what, { vm: uuid, error });
      await this.#recordEnd(uuid, end === "lost").catch(tell("cannot record the end of a machine"));
      this.#running.delete(uuid);
      // Layers that it had open can be merged now.
      await this.#deps.layers.collect().catch(tell("cannot remove what a machine has left"));
      this.#endings.delete(uuid);
    });
    this.#endings.set(uuid, ending);
    return running;
  }

  async #recordEnd(uuid: string, hasCrashed: boolean): Promise<void> {
    const { records, log } = this.#deps;
    log.info("machine ended", { vm: uuid, crashed: hasCrashed });
    await records.change((changes) => {
      const vm = records.find<VmRecord>(kinds.vm, uuid);
      if (vm === undefined) return;
      const desiredDisposition = hasCrashed ? vm.desiredDisposition : "SHUTOFF";
      changes.put(kinds.vm, { ...vm, hasCrashed, desiredDisposition } as VmRecord);
    });
  }

  async #firmware(vm: VmRecord, signal: AbortSignal): Promise<Firmware> {
    const kind = firmwareOf(vm.machineType);
    if (kind === "bios") return { kind: "bios" };
    if (!existsSync(uefi.code))
      throw new Fault("precondition", "UEFI firmware is not installed (package ovmf)");
    const { diskFolder, runFolder } = this.#deps.launch;
    const files = firmwareFiles(diskFolder, vm.uuid);
    if (!existsSync(files.vars)) {
      copyFileSync(uefi.vars, `${files.vars}.new`);
      chownSync(`${files.vars}.new`, vm.userId, vm.userId);
      copyFileSync(`${files.vars}.new`, files.vars);
      rmSync(`${files.vars}.new`);
      chownSync(files.vars, vm.userId, vm.userId);
    }
    const varsPath = files.vars;
    if (kind === "uefi") return { kind: "uefi", codePath: uefi.code, varsPath };
    const tpmSocket = await startTpm(
      { runFolder, stateFolder: files.tpm, uuid: vm.uuid, userId: vm.userId },
      signal,
    );
    return { kind: "uefi", codePath: uefi.code, varsPath, tpmSocket };
  }
}
