import { Fault, isFault, isFullDisk, messageOf } from "#base/fault.ts";
import { formatTime, parseTime } from "#base/time.ts";
import type { OpenedLog } from "#engine/logs/forwarding-thread.ts";
import type { Sandbox } from "#engine/network/networks.ts";
import type { Task } from "#engine/runtime/launcher.ts";
import { explainStartFailure } from "#engine/runtime/runtime-errors.ts";
import type { ExitedTask, StartedTask } from "#engine/supervise/shim-client.ts";
import type { Attachments } from "./attachments.ts";
import { forwardLog, openLog, shimLogArguments } from "./container-logs.ts";
import { type ContainerContext, publish } from "./context.ts";
import { interrupted, planHealthCheck, startingHealth } from "./health.ts";
import type { HealthMonitors } from "./health-monitors.ts";
import { readExit } from "./exit-file.ts";
import { joinedNamespaces } from "./joined-namespace.ts";
import { type ContainerRecord, type ContainerState, isAlive, zeroTime } from "./record.ts";
import { linkEffects, linkedConfig } from "./links.ts";
import { acquireNetworks, relink } from "./networking.ts";
import { pause, unpause } from "./pausing.ts";
import { Restarts } from "./restarts.ts";
import { checkSignal, parseSignal } from "./signals.ts";
import { endsWithin, endUntold } from "./task-end.ts";
import { openUserNamespace } from "./user-namespaces.ts";

const defaultStopTimeoutS = 10;
const sigkill = 9;

export interface StopOptions {
  readonly signal?: string;
  readonly timeoutS?: number;
}

/**
 * Starting and ending containers. Every change of state happens under the container's lock; what a shim reports is taken in
 * under the same lock, so that a stop that waits for an exit does not hold it.
 */
export class Lifecycle {
  readonly #context: ContainerContext;
  readonly #attachments: Attachments;
  readonly #health: HealthMonitors;
  readonly #remove: (record: ContainerRecord) => Promise<void>;
  readonly restarts: Restarts;
  /** Being restarted by a user: `--rm` does not apply to this end. */
  readonly #keepsAutoRemove = new Set<string>();
  /** Settles when the exit of the present run has been taken in. */
  readonly #exits = new Map<string, Promise<void>>();

  constructor(
    context: ContainerContext,
    attachments: Attachments,
    health: HealthMonitors,
    remove: (record: ContainerRecord) => Promise<void>,
  ) {
    this.#context = context;
    this.#attachments = attachments;
    this.#health = health;
    this.#remove = remove;
    this.restarts = new Restarts(context, {
      launch: (record) => this.#launch(record, new AbortController().signal),
      failed: (record) => this.#afterwards(record, 0),
    });
  }

  async start(ref: string, signal: AbortSignal): Promise<void> {
    const { id } = this.#context.registry.get(ref);
    await this.#context.lock.run(id, async () => {
      const record = this.#context.registry.get(id);
      if (record.state.status === "running")
        throw new Fault("not-modified", `Container ${id} is already running`);
      if (record.state.status === "paused")
        throw new Fault("conflict", "cannot start a paused container, try unpause instead");
      if (record.state.status === "removing" || record.state.status === "dead")
        throw new Fault("conflict", "container is marked for removal and cannot be started");
      this.restarts.cancel(id);
      this.restarts.forgetDelay(id);
      await this.#launch({ ...record, isManuallyStopped: false, restartCount: 0 }, signal);
    });
  }

  async stop(ref: string, options: StopOptions): Promise<void> {
    const { id } = this.#context.registry.get(ref);
    checkSignal(options.signal, `cannot stop container: ${ref}`);
    await this.startUnderWay(id);
    const record = await this.#markStopped(id);
    if (!isAlive(record.state)) {
      if (this.restarts.cancel(id)) return this.#settleStopped(id);
      throw new Fault("not-modified", `Container ${id} is already stopped`);
    }
    await this.#end(record, options);
    publish(this.#context, this.#context.registry.find(id) ?? record, "stop");
  }

  async restart(ref: string, options: StopOptions): Promise<void> {
    const { id } = this.#context.registry.get(ref);
    const refusal = `Cannot restart container ${ref}`;
    checkSignal(options.signal, refusal);
    await this.startUnderWay(id);
    const record = this.#context.registry.get(id);
    this.restarts.cancel(id);
    if (isAlive(record.state)) {
      await this.#markStopped(id);
      await this.#end(record, options, { keepsAutoRemove: true });
      publish(this.#context, record, "stop");
    }
    await this.start(id, new AbortController().signal).catch((error: unknown) => {
      throw error instanceof Fault ? new Fault(error.kind, `${refusal}: ${error.message}`) : error;
    });
    publish(this.#context, this.#context.registry.get(id), "restart");
  }

  /** @throws {Fault} `conflict` when it does not run */
  async kill(ref: string, signalName: string): Promise<void> {
    const { number, record } = this.#killOf(ref, signalName);
    const task = this.#context.tasks.get(record.id);
    if (task === undefined || !isAlive(record.state))
      throw new Fault("conflict", `cannot kill container: ${ref}: container ${record.id} is not running`);
    if (number === sigkill || number === parseSignal(record.config.StopSignal ?? "SIGTERM"))
      await this.#markStopped(record.id);
    const exit = this.#exits.get(record.id);
    this.#signal(record, task, number);
    if (number === sigkill) await exit;
  }

  #killOf(ref: string, signalName: string): { readonly number: number; readonly record: ContainerRecord } {
    try {
      return { number: parseSignal(signalName), record: this.#context.registry.get(ref) };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault(error.kind, `cannot kill container: ${ref}: ${error.message}`);
    }
  }

  /** Kills it and waits until its end has been taken in. Fine when it does not run. */
  async destroy(record: ContainerRecord): Promise<void> {
    this.restarts.cancel(record.id);
    const task = this.#context.tasks.get(record.id);
    if (task === undefined) return;
    await this.#markStopped(record.id);
    this.#signal(record, task, sigkill);
    await this.#exits.get(record.id);
  }

  async pause(ref: string): Promise<void> {
    await pause(this.#context, this.#health, ref);
  }

  async unpause(ref: string): Promise<void> {
    await unpause(this.#context, this.#health, ref);
  }

  // ---------------------------------------------------------------- starting

  async #launch(record: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { networks, volumes, launcher, images, pods, log } = this.#context;
    const { id } = record;
    const image = { text: record.config.Image, id: record.imageId, manifest: record.manifest };
    await this.#orFailed(record, async () => await images.admission.using(image, "start", signal));
    await using undo = new AsyncDisposableStack();
    const opened = await this.#orFailed(record, () => openLog(this.#context, record, signal));
    undo.use(opened);
    const links = await this.#orFailed(record, async () => linkEffects(this.#context.registry, record));
    const joined = await this.#orFailed(record, async () => this.#joined(record));
    const users = await this.#orFailed(
      record,
      async () => pods?.usersOf(record) ?? (await openUserNamespace(this.#context, record, undo)),
    );
    await this.#orFailed(record, () => volumes.beforeStart(id, record.mounts, record.idRange?.base));
    undo.defer(() => volumes.afterStop(id, record.mounts));
    const sandbox = await this.#orFailed(record, () => acquireNetworks(this.#context, record, users, signal));
    undo.defer(() => networks.release(id));
    const resolvConf = networks.resolvConf(sandbox.endpoints, {
      dns: record.hostConfig.Dns ?? [],
      search: record.hostConfig.DnsSearch ?? [],
      options: record.hostConfig.DnsOptions ?? [],
    });
    const { task, warnings } = await this.#orFailed(record, () =>
      launcher.prepare({
        id,
        config: linkedConfig(this.#context.registry, record),
        hostConfig: record.hostConfig,
        args: record.args,
        mounts: record.mounts,
        sandbox,
        resolvConf,
        hosts: { hostGateway: networks.hostGateway, links: links.hosts },
        joined,
        ...(users !== undefined && { users }),
        logArguments: shimLogArguments(this.#context.paths, record),
      }),
    );
    undo.defer(() => launcher.clear(id));
    for (const warning of warnings) log.warn(warning, { container: id });
    await this.#orFailed(record, () => this.#attachments.connect(id, task.socket));
    task.control.go();
    const started = await this.#started(record, task);
    undo.defer(() => endUntold(task));
    await this.#running(record, task, started, sandbox, opened);
    undo.move();
  }

  #joined(record: ContainerRecord) {
    const { pods, registry } = this.#context;
    return pods === undefined ? joinedNamespaces(registry, record) : pods.joinedBy(record);
  }

  /** One with --rm goes when it cannot be started, which whoever waits for it learns; the others are waited for still. */
  async #orFailed<T>(record: ContainerRecord, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      await this.#failed(record, messageOf(error), 128);
      throw error;
    }
  }

  async #started(record: ContainerRecord, task: Task): Promise<StartedTask> {
    try {
      return await task.control.started;
    } catch (error) {
      const failure = explainStartFailure(messageOf(error), record.args, "create");
      task.control.detach();
      await this.#failed(record, failure.message, failure.exitCode);
      const kind = isFullDisk(failure.message) ? "exhausted" : "internal";
      throw new Fault(failure.isClients ? "invalid" : kind, failure.message);
    }
  }

  /** A container that could not be started stays as it was, but says why. */
  async #failed(record: ContainerRecord, error: string, exitCode: number): Promise<void> {
    const { registry, log } = this.#context;
    const state: ContainerState = { ...record.state, status: endedStatus(record), exitCode, error };
    await registry.replace({ ...record, state }).catch((cause: unknown) => {
      log.warn("reason of a failed start was not kept", { container: record.id, error: cause });
    });
    this.#attachments.abandon(record.id);
    if (record.hostConfig.AutoRemove) setImmediate(() => void this.#autoRemove(record.id));
  }

  async #running(
    record: ContainerRecord,
    task: Task,
    started: StartedTask,
    sandbox: Sandbox,
    opened: OpenedLog | undefined,
  ): Promise<void> {
    const { registry, now } = this.#context;
    const next: ContainerRecord = {
      ...record,
      endpoints: sandbox.endpoints,
      state: {
        status: "running",
        pid: started.pid,
        pidStartTime: started.startTime,
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAt: formatTime(now()),
        finishedAt: record.state.finishedAt,
        ...(planHealthCheck(record.config) && { health: startingHealth(record.state.health) }),
      },
    };
    await registry.replace(next, "ordered");
    publish(this.#context, next, "start");
    relink(this.#context, next);
    this.watch(next, task, opened);
  }

  /** From here on the end of the container is taken in whenever it comes. Also for those that outlived an earlier daemon. */
  watch(record: ContainerRecord, task: Task, opened?: OpenedLog): void {
    const { id } = record;
    this.#context.tasks.set(id, task);
    if (record.state.status === "running") this.#health.start(record);
    forwardLog(this.#context, record, task.control, opened);
    const exit = task.control.exited.then((exited) =>
      this.#context.lock.run(id, () => this.ended(id, exited)),
    );
    this.#exits.set(
      id,
      exit.catch((error: unknown) =>
        this.#context.log.error("end of a container was not taken in", { container: id, error }),
      ),
    );
  }

  // ------------------------------------------------------------------ ending

  /** Takes in that a container has ended; undefined when its shim did not say so. Under the container's lock. */
  async ended(id: string, told: ExitedTask | undefined): Promise<void> {
    const { registry, paths, tasks, networks, volumes, launcher, waiters, now } = this.#context;
    const record = registry.find(id);
    tasks.get(id)?.control.detach();
    tasks.delete(id);
    this.#exits.delete(id);
    this.#health.stop(id);
    if (record === undefined) return;
    const exited = told ?? readExit(paths, id);
    const { isOomKilled } = await launcher.settle(id);
    const finishedAt = exited?.finishedAt ?? now();
    const exitCode = exited?.exitCode ?? 137;
    const { endpoints: _endpoints, ...rest } = record;
    const next: ContainerRecord = {
      ...rest,
      state: {
        ...record.state,
        status: "exited",
        pid: 0,
        pidStartTime: "",
        exitCode,
        error: exited === undefined ? "the container's shim was killed" : "",
        oomKilled: isOomKilled,
        finishedAt: formatTime(finishedAt),
        ...interrupted(record.state.health),
      },
    };
    const ranMs = Number((finishedAt - parseTime(record.state.startedAt)) / 1_000_000n);
    // The shim has written the exit down, so whoever waits need not wait for our own commit.
    const stored = registry.replace(next, "ordered");
    if (isOomKilled) publish(this.#context, next, "oom");
    waiters.exited(id, { exitCode });
    await networks.release(id);
    volumes.afterStop(id, record.mounts);
    publish(this.#context, next, "die", {
      exitCode: String(exitCode),
      execDuration: String(Math.floor(ranMs / 1000)),
    });
    await launcher.clear(id);
    await stored;
    this.#afterwards(next, ranMs);
  }

  #afterwards(record: ContainerRecord, ranMs: number): void {
    if (this.restarts.plan(record, ranMs)) return;
    if (record.hostConfig.AutoRemove && !this.#keepsAutoRemove.has(record.id))
      setImmediate(() => void this.#autoRemove(record.id));
  }

  /** Removes one whose time is over, with the volumes made for it. */
  discard(record: ContainerRecord): Promise<void> {
    return this.#remove(record);
  }

  async #autoRemove(id: string): Promise<void> {
    const record = this.#context.registry.find(id);
    if (record === undefined || isAlive(record.state)) return;
    try {
      await this.#remove(record);
    } catch (error) {
      if (!isFault(error, "not-found") && !isFault(error, "conflict"))
        this.#context.log.error("container was not removed by itself", { container: id, error });
    }
  }

  /** Resolves when nobody is starting it: what is to stop it must not come too early to find it running. */
  async startUnderWay(id: string): Promise<void> {
    const { registry, lock } = this.#context;
    const record = registry.find(id);
    if (record !== undefined && !isAlive(record.state) && lock.isHeld(id)) await lock.run(id, async () => {});
  }

  async #settleStopped(id: string): Promise<void> {
    const record = this.#context.registry.get(id);
    await this.#context.registry.replace({ ...record, state: { ...record.state, status: "exited" } });
  }

  async #markStopped(id: string): Promise<ContainerRecord> {
    const record = { ...this.#context.registry.get(id), isManuallyStopped: true };
    await this.#context.registry.replace(record);
    return record;
  }

  async #end(
    record: ContainerRecord,
    options: StopOptions,
    how: { readonly keepsAutoRemove?: boolean } = {},
  ): Promise<void> {
    const { id, config } = record;
    const task = this.#context.tasks.get(id);
    const exit = this.#exits.get(id);
    if (task === undefined || exit === undefined) return;
    if (how.keepsAutoRemove) this.#keepsAutoRemove.add(id);
    try {
      this.#signal(record, task, parseSignal(options.signal || config.StopSignal || "SIGTERM"));
      const timeoutS = options.timeoutS ?? config.StopTimeout ?? defaultStopTimeoutS;
      if (timeoutS >= 0 && !(await endsWithin(exit, timeoutS * 1000))) this.#signal(record, task, sigkill);
      await exit;
    } finally {
      this.#keepsAutoRemove.delete(id);
    }
  }

  #signal(record: ContainerRecord, task: Task, number: number): void {
    task.control.signal(number);
    publish(this.#context, record, "kill", { signal: String(number) });
    // Frozen processes take a signal only when they are thawed, and one that is to end has to take it.
    const isEnd = number === sigkill || number === parseSignal(record.config.StopSignal ?? "SIGTERM");
    if (isEnd && this.#context.registry.find(record.id)?.state.status === "paused")
      this.#context.launcher.cgroups.thaw(record.id);
  }

  [Symbol.dispose](): void {
    this.restarts[Symbol.dispose]();
    for (const task of this.#context.tasks.values()) task.control.detach();
  }
}

/** What a container that does not run calls itself: it has run before, or not. */
function endedStatus(record: ContainerRecord): "created" | "exited" {
  return record.state.startedAt === zeroTime ? "created" : "exited";
}
