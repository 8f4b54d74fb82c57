import { readFileSync, rmSync } from "node:fs";
import { QmpConnection, type QmpEvent } from "./qmp.ts";

/** What a machine is doing, in HyperCore's words. */
export type MachineState = "RUNNING" | "PAUSED" | "BLOCKED" | "CRASHED";

/** Why a machine is no more. */
export type MachineEnd =
  /** Its guest turned it off, or somebody asked QEMU to quit. */
  | "shut-down"
  /** QEMU has gone without a word. */
  | "lost";

/** QEMU's own states. @see QMP reference, RunState */
const stateOf: Readonly<Record<string, MachineState>> = {
  running: "RUNNING",
  prelaunch: "PAUSED",
  paused: "PAUSED",
  suspended: "PAUSED",
  "io-error": "BLOCKED",
  "guest-panicked": "CRASHED",
  "internal-error": "CRASHED",
};

/** Events after which the state may be another. */
const stateEvents: readonly string[] = [
  "STOP",
  "RESUME",
  "BLOCK_IO_ERROR",
  "GUEST_PANICKED",
  "SUSPEND",
  "WAKEUP",
  "RESET",
];

/** A machine that runs: a QEMU process, which goes on without us. */
export class Machine implements Disposable {
  readonly uuid: string;
  readonly qmp: QmpConnection;
  readonly #pidFile: string;
  readonly #listeners = new Set<() => void>();
  readonly #ended = Promise.withResolvers<MachineEnd>();
  #state: MachineState;
  #wasTold = false;

  private constructor(uuid: string, qmp: QmpConnection, pidFile: string, state: MachineState) {
    this.uuid = uuid;
    this.qmp = qmp;
    this.#pidFile = pidFile;
    this.#state = state;
    qmp.onEvent((event) => this.#take(event));
    void qmp.closed().then(() => this.#ended.resolve(this.#wasTold ? "shut-down" : "lost"));
  }

  /** @throws {Fault} `unavailable` when it does not run */
  static async attach(
    files: { readonly uuid: string; readonly socket: string; readonly pidFile: string },
    signal: AbortSignal,
  ): Promise<Machine> {
    const qmp = await QmpConnection.open(files.socket, signal);
    const machine = new Machine(files.uuid, qmp, files.pidFile, "RUNNING");
    await machine.#refresh(signal);
    return machine;
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Of its process; undefined when that has gone. */
  get pid(): number | undefined {
    return machinePid(this.#pidFile, this.uuid);
  }

  /** Calls back when the state may have changed, and when the machine has ended. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async ended(): Promise<MachineEnd> {
    return await this.#ended.promise;
  }

  /** Presses the power button; what the guest does then is its business. */
  async pressPower(signal: AbortSignal): Promise<void> {
    await this.qmp.execute("system_powerdown", {}, signal);
  }

  async reset(signal: AbortSignal): Promise<void> {
    await this.qmp.execute("system_reset", {}, signal);
  }

  async pause(signal: AbortSignal): Promise<void> {
    await this.qmp.execute("stop", {}, signal);
    await this.#refresh(signal);
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.qmp.execute("cont", {}, signal);
    await this.#refresh(signal);
  }

  async injectNmi(signal: AbortSignal): Promise<void> {
    await this.qmp.execute("inject-nmi", {}, signal);
  }

  /** Cuts the power; resolves when the process has gone. */
  async stop(signal: AbortSignal): Promise<void> {
    try {
      await this.qmp.execute("quit", {}, AbortSignal.any([signal, AbortSignal.timeout(5000)]));
    } catch {
      const { pid } = this;
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
    await this.ended();
    rmSync(this.#pidFile, { force: true });
  }

  /** Lets go of it; it goes on. */
  [Symbol.dispose](): void {
    this.#listeners.clear();
    this.qmp[Symbol.dispose]();
  }

  #take({ event }: QmpEvent): void {
    if (event === "SHUTDOWN") this.#wasTold = true;
    if (stateEvents.includes(event)) void this.#refresh(AbortSignal.timeout(5000)).catch(() => {});
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { status } = (await this.qmp.execute("query-status", {}, signal)) as { status: string };
    const state = stateOf[status] ?? "RUNNING";
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

/** Of a machine's process by the file that it has written; undefined when that has gone. */
export function machinePid(pidFile: string, uuid: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(uuid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
