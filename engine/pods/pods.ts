import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { instanceName } from "#base/instance-name.ts";
import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import type { PodNamespaces } from "#engine/containers/context.ts";
import { type ContainerRecord, isAlive } from "#engine/containers/record.ts";
import type { ContainerRegistry } from "#engine/containers/registry.ts";
import { ContainerService } from "#engine/containers/service.ts";
import { EventBus } from "#engine/events/event-bus.ts";
import type { ImageCommitter, ImageResolver } from "#engine/images/images.ts";
import type { ForwardingThread } from "#engine/logs/forwarding-thread.ts";
import { CgroupParents } from "#engine/runtime/cgroup-parents.ts";
import { ContainerCgroups } from "#engine/runtime/container-cgroups.ts";
import type { IdRanges } from "#engine/runtime/id-ranges.ts";
import { Launcher, type LauncherDeps } from "#engine/runtime/launcher.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import { LocalVolumes, type LocalVolumesDeps } from "#engine/volumes/local-volumes.ts";
import type { Database } from "#host/sqlite/database.ts";
import { JoinedNetworks } from "./joined-networks.ts";
import { type ContainerSpec, planPodContainer } from "./pod-container.ts";
import { groupsOf } from "./pod-groups.ts";
import { podFolder } from "./pod-database.ts";
import { PodNetwork } from "./pod-network.ts";
import type { SandboxRecord, SandboxSpec } from "./sandbox-record.ts";
import { SandboxRegistry } from "./sandbox-registry.ts";
import { Sandboxes } from "./sandboxes.ts";

/** What pods share with the rest of the engine. */
export interface PodsDeps {
  /** The engine's; pods have folders of their own below them. */
  readonly paths: EnginePaths;
  readonly db: Database;
  readonly registry: ContainerRegistry;
  readonly images: ImageResolver & ImageCommitter;
  readonly launcher: Omit<LauncherDeps, "paths" | "cgroups">;
  readonly idRanges: IdRanges;
  readonly forwarders: ForwardingThread;
  readonly volumes: Pick<LocalVolumesDeps, "canReadOnlyBelow" | "mounter" | "images" | "copyUp">;
  /** Where all pods of the cluster are: they see each other by their own addresses. */
  readonly clusterCidr: string;
  readonly log: Log;
  readonly now: Clock;
}

/** What followers of pods are told: the sandbox of whatever has changed, and the container if it was one. */
export interface PodChange {
  readonly action: "created" | "started" | "stopped" | "deleted";
  readonly sandboxId: string;
  readonly containerId?: string;
  /** Of a sandbox or container that is gone. */
  readonly record: SandboxRecord | ContainerRecord | undefined;
}

const changeOf: Readonly<Record<string, PodChange["action"]>> = {
  create: "created",
  start: "started",
  die: "stopped",
  stop: "stopped",
  remove: "deleted",
};

/** Pods and their containers: beside Docker's, with the same images. */
export class Pods implements AsyncDisposable {
  readonly sandboxes: Sandboxes;
  readonly containers: ContainerService;
  readonly network: PodNetwork;
  readonly cgroups: ContainerCgroups;
  readonly #deps: PodsDeps;
  readonly #launcher: Launcher;
  readonly #followers = new Set<(change: PodChange) => void>();
  readonly #parts: AsyncDisposable;

  /** Reconciles records and kernel before it resolves. */
  static async open(deps: PodsDeps): Promise<Pods> {
    await using parts = new AsyncDisposableStack();
    const { host, spawner, shimBinary } = deps.launcher;
    const { db, log, now } = deps;
    const paths = { root: podFolder(deps.paths.root), run: join(deps.paths.run, "cri") };
    mkdirSync(paths.run, { recursive: true, mode: 0o700 });
    const instance = instanceName(paths.root);
    const events = new EventBus(now);
    const network = parts.use(
      await PodNetwork.open(
        { kernel: spawner, database: db, events, log, now },
        { instance, runFolder: paths.run, nativeBinary: shimBinary, clusterCidr: deps.clusterCidr },
      ),
    );
    const cgroups = new ContainerCgroups(host.cgroup, instance, new CgroupParents(host.cgroup, paths));
    parts.defer(() => cgroups.dismantle());
    const registry = new SandboxRegistry(db);
    const pods: { service?: Pods } = {};
    const sandboxes = parts.use(
      new Sandboxes({
        runFolder: paths.run,
        registry,
        spawner,
        acquire: (request, signal) => network.acquire(request, signal),
        networks: () => network.networks,
        endContainers: (id) => pods.service?.endContainers(id) ?? Promise.resolve(),
        changed: (action, record) => pods.service?.tell(action, record.id, undefined, record),
        log,
        now,
      }),
    );
    const lost = await sandboxes.reconcile();
    const volumes = new LocalVolumes({
      ...deps.volumes,
      root: join(paths.root, "volumes"),
      db,
      events,
      log,
      now,
    });
    const launcher = new Launcher({ ...deps.launcher, paths, cgroups });
    const containers = parts.use(
      await ContainerService.open({
        paths,
        registry: deps.registry,
        images: deps.images,
        snapshots: deps.launcher.snapshots,
        networks: new JoinedNetworks({
          endpointsOf: (id) => sandboxes.find(deps.registry.get(id).pod?.sandboxId ?? "")?.endpoints ?? [],
          pods: () => network.networks,
        }),
        volumes,
        events,
        launcher,
        idRanges: deps.idRanges,
        isRemapped: false,
        forwarders: deps.forwarders,
        defaultLogs: { Type: "json-file", Config: {} },
        pods: namespacesOf(sandboxes, deps.registry),
        isOthers: () => true,
        log,
        now,
      }),
    );
    await volumes.reconcile();
    const made = { sandboxes, containers, network, cgroups, launcher, events };
    const service = new Pods(deps, made, parts.move());
    pods.service = service;
    for (const { id } of lost) await sandboxes.stop(id);
    return service;
  }

  private constructor(
    deps: PodsDeps,
    made: Pick<Pods, "sandboxes" | "containers" | "network" | "cgroups"> & {
      readonly launcher: Launcher;
      readonly events: EventBus;
    },
    parts: AsyncDisposable,
  ) {
    this.#deps = deps;
    this.#parts = parts;
    this.sandboxes = made.sandboxes;
    this.containers = made.containers;
    this.network = made.network;
    this.cgroups = made.cgroups;
    this.#launcher = made.launcher;
    made.events.subscribe(({ Type, Action, Actor }) => {
      if (Type !== "container") return;
      const record = this.#deps.registry.find(Actor.ID);
      if (Action !== "stop" && record?.pod !== undefined)
        this.tell(Action, record.pod.sandboxId, Actor.ID, record);
    });
  }

  /** @see Sandboxes.run */
  async runSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
    await this.network.settle();
    if (spec.logDirectory !== "") mkdirSync(spec.logDirectory, { recursive: true, mode: 0o755 });
    return this.sandboxes.run(spec, signal);
  }

  /** @see Sandboxes.stop */
  async stopSandbox(ref: string): Promise<void> {
    await this.sandboxes.stop(ref);
    await this.network.settle();
  }

  /** Stops it, removes its containers and forgets it. Fine when it is not there. */
  async removeSandbox(ref: string): Promise<void> {
    await this.sandboxes.remove(ref, async (id) => {
      for (const record of this.containersOf(id)) await this.removeContainer(record.id);
    });
    await this.network.settle();
  }

  /**
   * Makes a container in a pod that is ready. Returns its ID; durable when it resolves.
   *
   * @throws {Fault} `not-found` for the pod or the image; `conflict` when the pod does not run or has such a container; `invalid`
   */
  async createContainer(sandboxRef: string, spec: ContainerSpec, signal: AbortSignal): Promise<string> {
    const { images, launcher, registry, now } = this.#deps;
    const sandbox = this.sandboxes.getReady(sandboxRef);
    const image = images.resolve(spec.pod.image);
    const record = planPodContainer({
      spec,
      sandbox,
      image,
      groups: await groupsOf(spec, image, this.#launcher),
      isUnified: launcher.host.cgroup.kind === "v2",
      runtime: sandbox.spec.runtimeHandler || launcher.runtimes.defaultName,
      now: now(),
    });
    const holder = registry.find(record.name);
    if (holder !== undefined)
      throw new Fault(
        "already-exists",
        `failed to reserve container name ${JSON.stringify(record.name)}: name ${JSON.stringify(record.name)} is reserved for ${JSON.stringify(holder.id)}`,
      );
    if (spec.pod.logPath !== "") mkdirSync(dirname(spec.pod.logPath), { recursive: true, mode: 0o755 });
    await this.containers.insert(record, image, signal);
    return record.id;
  }

  /** Containers start once. @throws {Fault} `conflict` when it did, or its pod does not run */
  async startContainer(ref: string, signal: AbortSignal): Promise<void> {
    const record = this.getContainer(ref);
    if (record.state.status !== "created" || record.state.error !== "")
      throw new Fault(
        "conflict",
        `container ${JSON.stringify(record.id)} is in ${record.state.status === "running" ? "CONTAINER_RUNNING" : "CONTAINER_EXITED"} state`,
      );
    this.sandboxes.getReady(record.pod?.sandboxId ?? "");
    await this.containers.start(record.id, signal);
  }

  /** Asks it to end, and makes it after so many seconds. Fine when it does not run or is not there. */
  async stopContainer(ref: string, timeoutS: number): Promise<void> {
    const id = this.#deps.registry.find(ref)?.id;
    if (id !== undefined) await unless("not-modified", this.containers.stop(id, { timeoutS }));
  }

  /** Kills it if it runs. Fine when it is not there. */
  async removeContainer(ref: string): Promise<void> {
    const record = this.#deps.registry.find(ref);
    if (record?.pod === undefined) return;
    await unless("not-found", this.containers.remove(record.id, { force: true, volumes: true }));
    this.tell("remove", record.pod.sandboxId, record.id, record);
  }

  /** @throws {Fault} `not-found` */
  getContainer(ref: string): ContainerRecord {
    const found = ref === "" ? undefined : this.#deps.registry.find(ref);
    if (found === undefined)
      throw new Fault(
        "not-found",
        `an error occurred when try to find container ${JSON.stringify(ref)}: not found`,
      );
    return found;
  }

  /** Keeps what is to be shown of a container from now on. */
  async show(id: string, shown: string): Promise<void> {
    const record = this.#deps.registry.find(id);
    if (record?.pod !== undefined)
      await this.#deps.registry.replace({ ...record, pod: { ...record.pod, shown } });
  }

  /** Newest first. */
  containersOf(sandboxId: string): readonly ContainerRecord[] {
    return this.containers.list().filter(({ pod }) => pod?.sandboxId === sandboxId);
  }

  /** Kills what runs in the pod, and waits until it is over. */
  async endContainers(sandboxId: string): Promise<void> {
    const running = this.containersOf(sandboxId).filter(({ state }) => isAlive(state));
    await Promise.all(
      running.map(({ id }) =>
        unless("not-modified", this.containers.stop(id, { signal: "SIGKILL", timeoutS: 0 })),
      ),
    );
  }

  /** `listener` is called on the stack of whoever changes something: it must be short and must not throw. */
  follow(listener: (change: PodChange) => void): Disposable {
    this.#followers.add(listener);
    return { [Symbol.dispose]: () => void this.#followers.delete(listener) };
  }

  tell(
    action: string,
    sandboxId: string,
    containerId: string | undefined,
    record: PodChange["record"],
  ): void {
    const change = changeOf[action];
    if (change === undefined) return;
    const told = { action: change, sandboxId, record, ...(containerId !== undefined && { containerId }) };
    for (const listener of this.#followers) listener(told);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

function namespacesOf(sandboxes: Sandboxes, registry: ContainerRegistry): PodNamespaces {
  return {
    joinedBy: ({ pod, hostConfig }) => {
      const { spec, pid, initPid } = sandboxes.getReady(pod?.sandboxId ?? "");
      const of = (kind: string) => `/proc/${pid}/ns/${kind}`;
      const target = pod?.targetId === undefined ? undefined : registry.find(pod.targetId);
      if (pod?.targetId !== undefined && (target === undefined || target.state.pid === 0))
        throw new Fault("conflict", `target container ${JSON.stringify(pod.targetId)} is not running`);
      const pidOf = target?.state.pid ?? (hostConfig.PidMode.startsWith("container:") ? initPid : 0);
      return {
        ...(spec.modes.network === "pod" && { network: of("net"), uts: of("uts") }),
        ...(spec.modes.ipc === "pod" && { ipc: of("ipc") }),
        ...(pidOf > 0 && { pid: `/proc/${pidOf}/ns/pid` }),
      };
    },
    usersOf: ({ pod, idRange }) => {
      if (idRange === undefined) return undefined;
      const { pid } = sandboxes.getReady(pod?.sandboxId ?? "");
      return { range: idRange, source: `/proc/${pid}/ns/user` };
    },
  };
}

async function unless(kind: "not-modified" | "not-found", work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isFault(error, kind)) throw error;
  }
}
