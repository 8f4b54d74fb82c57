import { checkContainerName } from "#api/docker/validate-create.ts";
import { Fault, isFault } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { ProcessSpec } from "#engine/runtime/runtime-spec.ts";
import { Attachments } from "./attachments.ts";
import { commitContainer } from "./commit.ts";
import { readContainerLog, shownLogPath } from "./container-logs.ts";
import { ContainerFiles } from "./container-files.ts";
import type { Containers } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";
import { createContainer, insertContainer } from "./create.ts";
import { Execs } from "./execs.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import { HealthMonitors } from "./health-monitors.ts";
import { Lifecycle } from "./lifecycle.ts";
import { connectNetwork, disconnectNetwork, removeLink } from "./networking.ts";
import { reconcile } from "./reconcile.ts";
import { type ContainerRecord, isAlive } from "./record.ts";
import { refuseRunning, removeContainer } from "./remove.ts";
import { updateContainer } from "./update.ts";
import { Waiters } from "./waiters.ts";

export type ContainerServiceDeps = Omit<ContainerContext, "tasks" | "waiters" | "lock">;

/** The engine's containers: brings together what the files of this folder do. */
export class ContainerService implements Containers, Disposable {
  readonly #context: ContainerContext;
  readonly #attachments: Attachments;
  readonly #lifecycle: Lifecycle;
  readonly #execs: Execs;
  readonly #health: HealthMonitors;
  readonly #files: ContainerFiles;

  /** Reconciles records and kernel before it resolves. */
  static async open(deps: ContainerServiceDeps): Promise<ContainerService> {
    const service = new ContainerService(deps);
    await reconcile(service.#context, service.#lifecycle);
    return service;
  }

  private constructor(deps: ContainerServiceDeps) {
    this.#context = { ...deps, tasks: new Map(), waiters: new Waiters(), lock: new KeyedLock() };
    this.#attachments = new Attachments(this.#context);
    this.#execs = new Execs(this.#context);
    this.#health = new HealthMonitors(this.#context, this.#execs);
    this.#lifecycle = new Lifecycle(this.#context, this.#attachments, this.#health, (record) =>
      this.#discard(record),
    );
    this.#files = new ContainerFiles(this.#context);
  }

  /** Lets go of every container; they go on. */
  [Symbol.dispose](): void {
    this.#health[Symbol.dispose]();
    this.#lifecycle[Symbol.dispose]();
  }

  create: Containers["create"] = (request, signal) => createContainer(this.#context, request, signal);
  /** One that somebody else has planned. Durable when it resolves; nothing is left when it throws. */
  insert(record: ContainerRecord, image: ImageRecord, signal: AbortSignal): Promise<void> {
    return insertContainer(this.#context, record, image, signal);
  }

  get: Containers["get"] = (ref) => this.#context.registry.get(ref);
  list: Containers["list"] = () => this.#context.registry.list();
  revisionOf: Containers["revisionOf"] = (id) => this.#context.registry.revisionOf(id);

  start: Containers["start"] = (ref, signal) => this.#lifecycle.start(ref, signal);
  stop: Containers["stop"] = (ref, options) => this.#lifecycle.stop(ref, options);
  restart: Containers["restart"] = (ref, options) => this.#lifecycle.restart(ref, options);
  kill: Containers["kill"] = (ref, signal) => this.#lifecycle.kill(ref, signal);
  pause: Containers["pause"] = (ref) => this.#lifecycle.pause(ref);
  unpause: Containers["unpause"] = (ref) => this.#lifecycle.unpause(ref);

  update: Containers["update"] = (ref, body, version) => updateContainer(this.#context, ref, body, version);

  async rename(ref: string, name: string): Promise<void> {
    const { registry, lock, networks } = this.#context;
    const { id } = registry.get(ref);
    const wanted = name.replace(/^\//, "");
    if (wanted === "") throw new Fault("invalid", "Neither old nor new names may be empty");
    checkContainerName(wanted);
    await lock.run(id, async () => {
      const record = registry.get(id);
      if (record.name === wanted)
        throw new Fault("invalid", "Renaming a container with the same name as its current name");
      await registry.replace({ ...record, name: wanted });
      const endpoints = networks.rename(id, wanted);
      if (endpoints !== undefined) await registry.replace({ ...registry.get(id), endpoints });
      publish(this.#context, registry.get(id), "rename", { oldName: `/${record.name}` });
    });
  }

  connectNetwork: Containers["connectNetwork"] = (ref, network, settings) =>
    connectNetwork(this.#context, ref, network, settings);
  disconnectNetwork: Containers["disconnectNetwork"] = (ref, network, isForced) =>
    disconnectNetwork(this.#context, ref, network, isForced);

  removeLink: Containers["removeLink"] = (link) => removeLink(this.#context, link);

  async remove(ref: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void> {
    const { registry } = this.#context;
    if (options.force) await this.#lifecycle.startUnderWay(registry.get(ref).id);
    const record = registry.get(ref);
    if (!options.force) refuseRunning(ref, record);
    if (isAlive(record.state)) await this.#lifecycle.destroy(record);
    this.#lifecycle.restarts.cancel(record.id);
    // With --rm the end just waited for removes it too; whoever is first does.
    if (registry.find(record.id) === undefined) return;
    await removeContainer(this.#context, this.#attachments, record.id, options.volumes);
  }

  async wait(
    ref: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly error?: string }> {
    const record = this.#context.registry.get(ref);
    if (condition === "not-running" && !isAlive(record.state) && record.state.status !== "restarting")
      return {
        exitCode: record.state.exitCode,
        ...(record.state.error !== "" && { error: record.state.error }),
      };
    return this.#context.waiters.wait(record.id, condition, signal);
  }

  attach: Containers["attach"] = (ref, options) => this.#attachments.attach(ref, options);

  async resize(ref: string, size: { readonly height: number; readonly width: number }): Promise<void> {
    const record = this.#context.registry.get(ref);
    const task = this.#context.tasks.get(record.id);
    if (task === undefined) throw new Fault("conflict", `container ${record.id} is not running`);
    task.control.resize(size.height, size.width);
    publish(this.#context, record, "resize", { height: String(size.height), width: String(size.width) });
  }

  logs(ref: string, query: Parameters<Containers["logs"]>[1], signal: AbortSignal): AsyncIterable<Buffer> {
    return readContainerLog(this.#context, this.#context.registry.get(ref), query, signal);
  }

  async createExec(...args: Parameters<Containers["createExec"]>): Promise<string> {
    return this.#execs.createFor(...args);
  }
  async startExec(...args: Parameters<Containers["startExec"]>): ReturnType<Containers["startExec"]> {
    return this.#execs.start(...args);
  }
  getExec: Containers["getExec"] = (execId) => this.#execs.get(execId);
  openExecs: Containers["openExecs"] = (containerId) => this.#execs.openIn(containerId);
  async resizeExec(...args: Parameters<Containers["resizeExec"]>): Promise<void> {
    await this.#execs.resize(...args);
  }

  /** @see Execs.run */
  async runExec(...args: Parameters<Execs["run"]>): ReturnType<Execs["run"]> {
    return this.#execs.run(...args);
  }

  /** Somebody has renamed its log file. @throws {Fault} `conflict` when it does not run */
  async reopenLog(ref: string): Promise<void> {
    const { id } = this.#context.registry.get(ref);
    const task = this.#context.tasks.get(id);
    if (task === undefined) throw new Fault("conflict", `container ${id} is not running`);
    await task.control.reopenLog();
  }

  /** Who its first process is, while it runs. */
  userOf(id: string): ProcessSpec["user"] | undefined {
    return this.#context.tasks.get(id)?.process.user;
  }

  async processes(ref: string): Promise<readonly number[]> {
    const record = this.#context.registry.get(ref);
    if (!isAlive(record.state)) throw new Fault("conflict", `container ${record.id} is not running`);
    publish(this.#context, record, "top");
    return this.#context.launcher.cgroups.processes(record.id);
  }

  statPath: Containers["statPath"] = (ref, path) => this.#files.stat(ref, path);

  async readArchive(
    ...[ref, path, signal]: Parameters<Containers["readArchive"]>
  ): ReturnType<Containers["readArchive"]> {
    const archive = await this.#files.read(ref, path, signal);
    this.#tell(ref, "archive-path");
    return archive;
  }

  async writeArchive(...args: Parameters<Containers["writeArchive"]>): Promise<void> {
    await this.#files.write(...args);
    this.#tell(args[0], "extract-to-dir");
  }

  async export(...[ref, signal]: Parameters<Containers["export"]>): ReturnType<Containers["export"]> {
    const tree = await this.#files.export(ref, signal);
    this.#tell(ref, "export");
    return tree;
  }

  changes: Containers["changes"] = (ref) => this.#files.changes(ref);

  async commit(...[ref, request, signal]: Parameters<Containers["commit"]>): Promise<string> {
    const { registry, lock } = this.#context;
    const { id, state } = registry.get(ref);
    const pauses = request.pause && state.status === "running";
    if (pauses) await this.pause(id);
    try {
      return await lock.run(id, () => commitContainer(this.#context, id, request, signal));
    } finally {
      if (pauses) await this.#resume(id);
    }
  }

  /** It may have ended meanwhile, or somebody was quicker. */
  async #resume(id: string): Promise<void> {
    try {
      await this.unpause(id);
    } catch (error) {
      if (!isFault(error, "conflict") && !isFault(error, "not-found")) throw error;
    }
  }

  sizeRw: Containers["sizeRw"] = (ref) => this.#context.snapshots.usage(this.#context.registry.get(ref).id);
  logPath: Containers["logPath"] = (ref) =>
    shownLogPath(this.#context.paths, this.#context.registry.get(ref));

  async prune(
    matches: (record: ContainerRecord) => boolean,
  ): Promise<{ readonly removed: readonly string[]; readonly bytes: number }> {
    const removed: string[] = [];
    let bytes = 0;
    for (const record of this.list()) {
      if (isAlive(record.state) || record.state.status === "restarting" || !matches(record)) continue;
      bytes += await this.#context.snapshots.usage(record.id).catch(() => 0);
      await this.remove(record.id, { force: false, volumes: false });
      removed.push(record.id);
    }
    return { removed, bytes };
  }

  #tell(ref: string, action: string): void {
    const record = this.#context.registry.find(ref);
    if (record !== undefined) publish(this.#context, record, action);
  }

  #discard(record: ContainerRecord): Promise<void> {
    return removeContainer(this.#context, this.#attachments, record.id, true);
  }
}
