import type { VirDomainActionType } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { TaskGoal } from "#hypervisor/tasks/task-list.ts";
import { kinds, type VmRecord } from "./records.ts";
import { blockDevicesOf, getVm, netDevicesOf, type VmDeps } from "./vm-deps.ts";

export interface PowerAction {
  readonly virDomainUUID: string;
  readonly actionType: VirDomainActionType;
  readonly nodeUUID?: string;
}

const rebootMs = 300_000;
const goals: Partial<Record<VirDomainActionType, TaskGoal["is"]>> = { START: "running", STOP: "stopped" };
const internal = () => new Fault("internal", "An internal error occurred");

/** Starts and stops machines. */
export class Power {
  readonly #deps: VmDeps;

  constructor(deps: VmDeps) {
    this.#deps = deps;
  }

  /**
   * Does an action and resolves to the tag of its task; empty for SHUTDOWN, which only asks the guest. All of a list are checked
   * before any is begun.
   *
   * @throws {Fault} `not-found`, `invalid`; `internal` for what a stopped machine cannot do, as clients expect it
   */
  async act(actions: readonly PowerAction[], sessionID: string, signal: AbortSignal): Promise<string> {
    for (const action of actions) this.#check(action);
    let tag = "";
    for (const action of actions) tag = await this.#begin(action, sessionID, signal);
    return tag;
  }

  /** Starts a machine, or lets a paused one go on. */
  async start(uuid: string, signal: AbortSignal): Promise<void> {
    const { records, machines, locks, nodeUUID } = this.#deps;
    await locks.run(uuid, async () => {
      const vm = getVm(records, uuid);
      const running = machines.find(uuid);
      if (running?.machine.state === "PAUSED") await running.machine.resume(signal);
      // What the record says must be so before the machine runs: a daemon that dies now must find it.
      await this.#note(uuid, (before) => ({
        ...before,
        desiredDisposition: "RUNNING",
        hasCrashed: false,
        lastSeenRunningOnNodeUUID: nodeUUID,
        affinityStrategy:
          before.affinityStrategy.preferredNodeUUID === ""
            ? { ...before.affinityStrategy, preferredNodeUUID: nodeUUID }
            : before.affinityStrategy,
      }));
      try {
        await machines.start(vm, blockDevicesOf(records, uuid), netDevicesOf(records, uuid), signal);
      } catch (error) {
        if (!signal.aborted)
          await this.#note(uuid, (before) => ({ ...before, desiredDisposition: "SHUTOFF" }));
        throw error;
      }
    });
  }

  /** Cuts the power; does nothing to a machine that does not run. */
  async stop(uuid: string, signal: AbortSignal): Promise<void> {
    await this.#deps.locks.run(uuid, async () => {
      await this.#note(uuid, (vm) => ({ ...vm, desiredDisposition: "SHUTOFF", hasCrashed: false }));
      await this.#deps.machines.stop(uuid, signal);
    });
  }

  /** Presses every machine's power button, or cuts their power; resolves when none runs, at most five minutes later. */
  async stopAll(isForced: boolean, signal: AbortSignal): Promise<void> {
    const { machines } = this.#deps;
    await Promise.all(
      machines.runningUUIDs.map(async (uuid) => {
        if (!isForced) await this.#shutDown(uuid, signal).catch(() => {});
        await this.stop(uuid, signal);
      }),
    );
  }

  #check({ virDomainUUID, actionType, nodeUUID = "" }: PowerAction): void {
    const { records, machines } = this.#deps;
    getVm(records, virDomainUUID);
    if (nodeUUID !== "" && nodeUUID !== this.#deps.nodeUUID)
      throw new Fault("invalid", `There is no node ${nodeUUID}`);
    const isRunning = machines.find(virDomainUUID) !== undefined;
    if (actionType === "LIVEMIGRATE") throw new Fault("invalid", "There is no other node to migrate to");
    if (!isRunning && actionType !== "START" && actionType !== "STOP") throw internal();
  }

  async #begin(
    { virDomainUUID: uuid, actionType }: PowerAction,
    sessionID: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { machines, tasks, records } = this.#deps;
    const running = machines.find(uuid)?.machine;
    if (actionType === "SHUTDOWN") {
      if (running === undefined) throw internal();
      await running.pressPower(signal);
      return "";
    }
    const work: Record<Exclude<VirDomainActionType, "SHUTDOWN">, (signal: AbortSignal) => Promise<void>> = {
      START: (inner) => this.start(uuid, inner),
      STOP: (inner) => this.stop(uuid, inner),
      PAUSE: async (inner) => await running?.pause(inner),
      RESET: async (inner) => await running?.reset(inner),
      NMI: async (inner) => await running?.injectNmi(inner),
      REBOOT: async (inner) => {
        await this.#shutDown(uuid, inner);
        await this.start(uuid, inner);
      },
      LIVEMIGRATE: async () => {},
    };
    const { name } = getVm(records, uuid);
    const verb = `${actionType.charAt(0)}${actionType.slice(1).toLowerCase()}`;
    const goal = goals[actionType];
    const subject = {
      description: `${verb} VM '%@'`,
      parameters: [name],
      objectUUID: uuid,
      sessionID,
      ...(goal !== undefined && { goal: { kind: kinds.vm, uuid, is: goal } }),
    };
    return await tasks.begin(subject, async (_, inner) => await work[actionType](inner));
  }

  async #shutDown(uuid: string, signal: AbortSignal): Promise<void> {
    const running = this.#deps.machines.find(uuid);
    if (running === undefined) return;
    await running.machine.pressPower(signal);
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(rebootMs)]);
    await Promise.race([this.#deps.machines.ended(uuid), aborted(timeout)]);
    if (timeout.aborted) throw new Fault("precondition", "The guest does not shut down");
  }

  async #note(uuid: string, change: (vm: VmRecord) => VmRecord): Promise<void> {
    const { records } = this.#deps;
    await records.change((changes) => {
      const vm = records.find<VmRecord>(kinds.vm, uuid);
      if (vm !== undefined) changes.put(kinds.vm, change(vm));
    });
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
