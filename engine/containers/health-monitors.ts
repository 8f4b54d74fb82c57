import { messageOf } from "#base/fault.ts";
import { formatDuration } from "#base/duration.ts";
import { formatTime, parseTime } from "#base/time.ts";
import { type ContainerContext, publish } from "./context.ts";
import type { Execs } from "./execs.ts";
import {
  type HealthCheck,
  healthAfter,
  pauseBeforeProbe,
  planHealthCheck,
  type ProbeResult,
} from "./health.ts";
import { ProbeOutput } from "./probe-output.ts";
import type { ContainerRecord } from "./record.ts";

/** The longest that a timer runs: 24 days. */
const timerMaxMs = 2 ** 31 - 1;

interface Monitor {
  readonly id: string;
  readonly check: HealthCheck;
  /** Aborted when the container is paused or ends: the probe under way is killed, and what it found does not count. */
  readonly over: AbortController;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Looks after running containers that have a health check: one timer each, and one probe at a time. Nothing of it outlives the
 * daemon, a probe under way neither; the next daemon goes on from the records.
 */
export class HealthMonitors implements Disposable {
  readonly #context: ContainerContext;
  readonly #execs: Execs;
  readonly #monitors = new Map<string, Monitor>();

  constructor(context: ContainerContext, execs: Execs) {
    this.#context = context;
    this.#execs = execs;
  }

  /** From here on the running container is probed, if it has a check. */
  start({ id, config }: ContainerRecord): void {
    const check = planHealthCheck(config);
    if (check === undefined) return;
    this.stop(id);
    const monitor: Monitor = { id, check, over: new AbortController(), timer: undefined };
    this.#monitors.set(id, monitor);
    this.#schedule(monitor);
  }

  stop(id: string): void {
    const monitor = this.#monitors.get(id);
    if (monitor === undefined) return;
    this.#monitors.delete(id);
    clearTimeout(monitor.timer);
    monitor.over.abort();
  }

  [Symbol.dispose](): void {
    for (const id of this.#monitors.keys()) this.stop(id);
  }

  #schedule(monitor: Monitor): void {
    const record = this.#context.registry.find(monitor.id);
    const health = record?.state.health;
    if (record === undefined || health === undefined || monitor.over.signal.aborted) return;
    const pauseMs = pauseBeforeProbe(health, monitor.check, this.#ranMs(record));
    monitor.timer = setTimeout(() => void this.#look(monitor), Math.min(pauseMs, timerMaxMs));
  }

  async #look(monitor: Monitor): Promise<void> {
    const { log } = this.#context;
    try {
      const { result, ended } = await this.#probe(monitor);
      await this.#take(monitor, result);
      // One that cannot be killed at once is waited for: they must not pile up.
      await ended;
    } catch (error) {
      log.warn("health of a container was not noted", { container: monitor.id, error });
    }
    this.#schedule(monitor);
  }

  async #probe({
    id,
    check,
    over,
  }: Monitor): Promise<{ readonly result: ProbeResult; readonly ended: Promise<unknown> }> {
    const { now } = this.#context;
    const start = formatTime(now());
    const output = new ProbeOutput();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), Math.min(check.timeoutMs, timerMaxMs));
    const run = this.#execs
      .probe(id, check.args, output, AbortSignal.any([limit.signal, over.signal]))
      .catch((error: unknown) => messageOf(error));
    const found = await Promise.race([run, aborted(limit.signal)]);
    clearTimeout(timer);
    const end = formatTime(now());
    if (limit.signal.aborted) {
      const reason = `Health check exceeded timeout (${formatDuration(Math.round(check.timeoutMs * 1e6))})`;
      const text = output.text === "" ? reason : `${reason}: ${output.text}`;
      return { result: { start, end, exitCode: -1, output: text }, ended: run };
    }
    const result =
      typeof found === "number"
        ? { start, end, exitCode: found, output: output.text }
        : { start, end, exitCode: -1, output: found ?? "" };
    return { result, ended: run };
  }

  async #take({ id, check, over }: Monitor, result: ProbeResult): Promise<void> {
    const { registry, lock } = this.#context;
    await lock.run(id, async () => {
      const record = registry.find(id);
      const before = record?.state.health;
      if (over.signal.aborted || record === undefined || before === undefined) return;
      const ranMs = Number((parseTime(result.start) - parseTime(record.state.startedAt)) / 1_000_000n);
      const health = healthAfter(before, result, check, ranMs);
      const next = { ...record, state: { ...record.state, health } };
      if (health.status === before.status) return registry.note(next);
      await registry.replace(next, "ordered");
      publish(this.#context, next, `health_status: ${health.status}`);
    });
  }

  #ranMs({ state }: ContainerRecord): number {
    return Number((this.#context.now() - parseTime(state.startedAt)) / 1_000_000n);
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}
