import type { ContainerContext } from "./context.ts";
import { type ContainerRecord, isAlive } from "./record.ts";
import { planRestart } from "./restart-policy.ts";

/** What a restart does to a container. Called under its lock. */
export interface RestartActions {
  readonly launch: (record: ContainerRecord) => Promise<void>;
  /** The restart has failed; it may be planned again. */
  readonly failed: (record: ContainerRecord) => void;
}

/** Restarts by policy that wait for their time. */
export class Restarts implements Disposable {
  readonly #context: Pick<ContainerContext, "registry" | "lock" | "waiters" | "log">;
  readonly #actions: RestartActions;
  /** By container ID. */
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #lastDelays = new Map<string, number>();

  constructor(
    context: Pick<ContainerContext, "registry" | "lock" | "waiters" | "log">,
    actions: RestartActions,
  ) {
    this.#context = context;
    this.#actions = actions;
  }

  /** Schedules the restart of a container that has ended; false when its policy wants none. */
  plan(record: ContainerRecord, ranMs: number): boolean {
    const delayMs = planRestart({
      policy: record.hostConfig.RestartPolicy,
      exitCode: record.state.exitCode,
      restartCount: record.restartCount,
      isManuallyStopped: record.isManuallyStopped,
      ranMs,
      lastDelayMs: this.#lastDelays.get(record.id) ?? 0,
    });
    if (delayMs !== undefined) this.schedule(record.id, delayMs);
    return delayMs !== undefined;
  }

  /** Starts it after the delay; it reports `restarting` meanwhile. */
  schedule(id: string, delayMs: number): void {
    const { registry, lock } = this.#context;
    this.#lastDelays.set(id, delayMs);
    const mark = registry.get(id);
    void registry.replace({ ...mark, state: { ...mark.state, status: "restarting" } });
    const timer = setTimeout(() => {
      this.#timers.delete(id);
      lock.run(id, () => this.#restart(id)).catch((error: unknown) => this.#failed(id, error));
    }, delayMs);
    this.#timers.set(id, timer);
  }

  /** Whether one was pending. */
  cancel(id: string): boolean {
    clearTimeout(this.#timers.get(id));
    return this.#timers.delete(id);
  }

  /** The back-off begins anew. */
  forgetDelay(id: string): void {
    this.#lastDelays.delete(id);
  }

  async #restart(id: string): Promise<void> {
    const record = this.#context.registry.find(id);
    if (record === undefined || isAlive(record.state) || record.isManuallyStopped) return;
    await this.#actions.launch({ ...record, restartCount: record.restartCount + 1 });
  }

  #failed(id: string, error: unknown): void {
    const { registry, waiters, log } = this.#context;
    log.warn("container could not be restarted", { container: id, error });
    const record = registry.find(id);
    if (record === undefined) return;
    waiters.exited(id, { exitCode: record.state.exitCode, error: record.state.error });
    this.#actions.failed(record);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
