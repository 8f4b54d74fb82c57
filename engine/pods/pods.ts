import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import { type ContainerRecord, isAlive } from "#engine/containers/record.ts";
import type { ContainerRegistry } from "#engine/containers/registry.ts";
import { ContainerService } from "#engine/containers/service.ts";
import type { ImageCommitter, ImageResolver } from "#engine/images/images.ts";
import type { ForwardingThread } from "#engine/logs/forwarding-thread.ts";
import { ContainerCgroups } from "#engine/runtime/container-cgroups.ts";
import type { IdRanges } from "#engine/runtime/id-ranges.ts";
import { Launcher, type LauncherDeps } from "#engine/runtime/launcher.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import type { LocalVolumesDeps } from "#engine/volumes/local-volumes.ts";
import type { Database } from "#host/sqlite/database.ts";
import { type ContainerSpec, planPodContainer } from "./pod-container.ts";
import { groupsOf } from "./pod-groups.ts";
import { PodNetwork } from "./pod-network.ts";
import type { SandboxRecord, SandboxSpec } from "./sandbox-record.ts";
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
  /** Of Docker's networks: not for pods. */
  readonly othersSubnets: () => readonly string[];
  readonly log: Log;
  readonly now: Clock;
}

/** What pods are made of. */
interface PodParts {
  readonly sandboxes: Sandboxes;
  readonly containers: ContainerService;
  readonly network: PodNetwork;
  readonly launcher: Launcher;
  readonly owned: AsyncDisposable;
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
  readonly #deps: PodsDeps;
  readonly #parts: PodParts;
  readonly #followers = new Set<(change: PodChange) => void>();

  constructor(deps: PodsDeps, parts: PodParts) {
    this.#deps = deps;
    this.#parts = parts;
  }

  get sandboxes(): Sandboxes {
    return this.#parts.sandboxes;
  }

  get containers(): ContainerService {
    return this.#parts.containers;
  }

  get network(): PodNetwork {
    return this.#parts.network;
  }

  get cgroups(): ContainerCgroups {
    return this.#parts.launcher.cgroups;
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
      groups: await groupsOf(spec, image, this.#parts.launcher),
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
    await this.#unlessPodEnds(sandbox.id, () => this.removeContainer(record.id));
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
    const { id } = this.sandboxes.getReady(record.pod?.sandboxId ?? "");
    await this.containers.start(record.id, signal);
    await this.#unlessPodEnds(id, () => this.endContainers(id));
  }

  /** A pod that is being stopped has looked for its containers before this one was there. @throws {Fault} as Sandboxes.getReady */
  async #unlessPodEnds(sandboxId: string, undo: () => Promise<void>): Promise<void> {
    try {
      this.sandboxes.getReady(sandboxId);
    } catch (error) {
      await undo();
      throw error;
    }
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
    await this.#parts.owned[Symbol.asyncDispose]();
  }
}

async function unless(kind: "not-modified" | "not-found", work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isFault(error, kind)) throw error;
  }
}
