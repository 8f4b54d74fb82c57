import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import type { EndpointRequest, Networks, Sandbox } from "#engine/network/networks.ts";
import type { Handle } from "#engine/supervise/kernel-helper.ts";
import { openForward, PodHolder } from "#engine/supervise/pod-holder.ts";
import type { ShimHandle, Spawner } from "#engine/supervise/spawner.ts";
import type { SandboxRecord, SandboxSpec } from "./sandbox-record.ts";
import { sandboxName } from "./sandbox-record.ts";
import type { SandboxRegistry } from "./sandbox-registry.ts";
import { podArguments } from "./pod-arguments.ts";

export interface SandboxDeps {
  /** Where sockets of pods are. */
  readonly runFolder: string;
  readonly registry: SandboxRegistry;
  readonly spawner: Spawner;
  readonly acquire: Networks["acquire"];
  readonly networks: () => Pick<Networks, "release" | "adopt" | "settle">;
  /** Ends what runs in the pod, at once. */
  readonly endContainers: (sandboxId: string) => Promise<void>;
  /** Something about it has changed, for those who follow. */
  readonly changed: (action: "create" | "start" | "stop" | "remove", record: SandboxRecord) => void;
  readonly log: Log;
  readonly now: Clock;
}

/**
 * Pod sandboxes: namespaces, an address and ports that containers share. A small process holds them, not the daemon: they go on
 * whatever becomes of it.
 */
export class Sandboxes implements Disposable {
  readonly #deps: SandboxDeps;
  readonly #lock = new KeyedLock();
  readonly #holders = new Map<string, PodHolder>();
  readonly #stopping = new Set<string>();

  constructor(deps: SandboxDeps) {
    this.#deps = deps;
    mkdirSync(this.#socketFolder, { recursive: true, mode: 0o700 });
  }

  /**
   * Takes over what an earlier daemon left: sandboxes that are still held, and nothing else. Returns those that are lost though
   * their containers may run; {@link Sandboxes.stop} is the caller's.
   */
  async reconcile(): Promise<readonly SandboxRecord[]> {
    const { registry, networks, log } = this.#deps;
    const lost: SandboxRecord[] = [];
    for (const record of registry.list()) {
      if (record.state === "stopped") continue;
      const holder = await this.#reconnect(record);
      if (record.state === "new") {
        await holder?.end();
        await registry.delete(record);
      } else if (holder === undefined) {
        log.warn("pod sandbox is gone", { sandbox: record.id });
        lost.push(record);
      } else {
        networks().adopt(record.id, record.endpoints, `/proc/${record.pid}/ns/net`);
        this.#watch(record.id, holder);
      }
    }
    const known = new Set(registry.list().map(({ id }) => this.#socketOf(id)));
    for (const name of readdirSync(this.#socketFolder)) {
      const path = join(this.#socketFolder, name);
      if (!known.has(path)) rmSync(path, { force: true });
    }
    await networks().settle();
    return lost;
  }

  get(ref: string): SandboxRecord {
    return this.#deps.registry.get(ref);
  }

  find(ref: string): SandboxRecord | undefined {
    return this.#deps.registry.find(ref);
  }

  /** Newest first; not those that are still being made. */
  list(): readonly SandboxRecord[] {
    return this.#deps.registry.list().filter(({ state }) => state !== "new");
  }

  /**
   * Makes and starts one. Durable when it resolves; nothing of it is left when it throws.
   *
   * @throws {Fault} `already-exists`; `invalid` for sysctls and modes that cannot be; `exhausted` for addresses and ports
   */
  async run(spec: SandboxSpec, signal: AbortSignal): Promise<string> {
    const { registry, networks, acquire, spawner, changed, now } = this.#deps;
    const id = randomBytes(32).toString("hex");
    const createdAt = String(now());
    const planned: SandboxRecord = { id, spec, createdAt, state: "new", pid: 0, initPid: 0, endpoints: [] };
    await this.#lock.run(id, async () => {
      await using undo = new AsyncDisposableStack();
      await registry.insert(planned);
      undo.defer(() => registry.delete(planned));
      const owner = spec.idRange && (await spawner.createUserNamespace(spec.idRange));
      if (owner !== undefined) undo.defer(() => spawner.release(owner));
      const sandbox = await acquire(endpointRequest(planned, owner), signal);
      undo.defer(() => networks().release(id));
      const { holder, pid } = await this.#startHolder(planned, sandbox, owner);
      undo.defer(() => holder.end());
      signal.throwIfAborted();
      holder.go();
      const { endpoints } = sandbox;
      const ready: SandboxRecord = { ...planned, state: "ready", pid, initPid: holder.initPid, endpoints };
      await registry.replace(ready, "durable");
      undo.move();
      this.#watch(id, holder);
      changed("create", ready);
      changed("start", ready);
    });
    return id;
  }

  /** Ends it and its containers, gives back address and ports. Fine when it is stopped or not there. */
  async stop(ref: string): Promise<void> {
    const id = this.find(ref)?.id;
    if (id !== undefined) await this.#lock.run(id, () => this.#stop(id));
  }

  /** Stops and forgets it; its containers have to be gone. */
  async remove(ref: string, removeContainers: (sandboxId: string) => Promise<void>): Promise<void> {
    const { registry, changed } = this.#deps;
    const id = this.find(ref)?.id;
    if (id === undefined) return;
    await this.#lock.run(id, async () => {
      await this.#stop(id);
      await removeContainers(id);
      const record = registry.find(id);
      if (record === undefined) return;
      await registry.delete(record);
      changed("remove", record);
    });
  }

  /** One whose containers can be made and started. @throws {Fault} `not-found`; `conflict` when it is not ready */
  getReady(ref: string): SandboxRecord {
    const record = this.get(ref);
    if (record.state !== "ready" || !this.#holders.has(record.id) || this.#stopping.has(record.id))
      throw new Fault("conflict", `sandbox container ${JSON.stringify(record.id)} is not running`);
    return record;
  }

  /** A connection to a port of the pod, on its loopback. @throws {Fault} `remote` with the reason */
  async forward(ref: string, port: number): Promise<Duplex> {
    const record = this.getReady(ref);
    if (record.spec.modes.network === "pod") return openForward(this.#socketOf(record.id), port);
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const socket = net.connect({ port, host: "localhost", allowHalfOpen: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (cause) => reject(new Fault("remote", messageOf(cause), { cause })));
    return promise;
  }

  /** Lets go of all; they go on. */
  [Symbol.dispose](): void {
    for (const holder of this.#holders.values()) holder.detach();
  }

  async #startHolder(record: SandboxRecord, sandbox: Sandbox, owner: Handle | undefined) {
    const { spawner } = this.#deps;
    const socket = this.#socketOf(record.id);
    const handles: readonly ShimHandle[] = [
      ...(sandbox.netns === undefined ? [] : [{ name: "netns", handle: sandbox.netns } as const]),
      ...(owner === undefined ? [] : [{ name: "userns", handle: owner } as const]),
      ...sandbox.portHandles.map((handle) => ({ name: "hold", handle }) as const),
    ];
    const pid = await spawner.startPod(socket, handles, podArguments(record, socket));
    try {
      return { pid, holder: await PodHolder.connect(socket) };
    } catch (error) {
      rmSync(socket, { force: true });
      throw new Fault("invalid", `failed to create pod sandbox: ${messageOf(error)}`, { cause: error });
    }
  }

  async #reconnect(record: SandboxRecord): Promise<PodHolder | undefined> {
    try {
      return await PodHolder.connect(this.#socketOf(record.id));
    } catch (error) {
      if (!isFault(error)) throw error;
      rmSync(this.#socketOf(record.id), { force: true });
      return undefined;
    }
  }

  #watch(id: string, holder: PodHolder): void {
    this.#holders.set(id, holder);
    void holder.ended.then(() => this.#ended(id, holder));
  }

  /** Nobody asked for it: without what holds them its namespaces are only those of the containers that still run. */
  async #ended(id: string, holder: PodHolder): Promise<void> {
    if (this.#holders.get(id) !== holder) return;
    this.#holders.delete(id);
    this.#deps.log.warn("pod sandbox was killed", { sandbox: id });
    await this.stop(id).catch((error: unknown) =>
      this.#deps.log.error("killed pod sandbox was not cleaned up", { sandbox: id, error }),
    );
  }

  async #stop(id: string): Promise<void> {
    const { registry, networks, endContainers, changed } = this.#deps;
    const record = registry.find(id);
    if (record === undefined || record.state === "stopped") return;
    this.#stopping.add(id);
    using _stopping = { [Symbol.dispose]: () => void this.#stopping.delete(id) };
    await endContainers(id);
    const holder = this.#holders.get(id);
    this.#holders.delete(id);
    await holder?.end();
    await networks().release(id);
    rmSync(this.#socketOf(id), { force: true });
    const stopped: SandboxRecord = { ...record, state: "stopped", pid: 0, initPid: 0, endpoints: [] };
    await registry.replace(stopped, "ordered");
    changed("stop", stopped);
  }

  get #socketFolder(): string {
    return join(this.#deps.runFolder, "p");
  }

  /** Socket paths have 107 bytes: the first 20 digits of the ID do. */
  #socketOf(id: string): string {
    return join(this.#socketFolder, id.slice(0, 20));
  }
}

function endpointRequest({ id, spec }: SandboxRecord, owner: Handle | undefined): EndpointRequest {
  return {
    containerId: id,
    containerName: sandboxName(spec),
    hostname: spec.hostname,
    networks: [{ ref: spec.modes.network === "host" ? "host" : "bridge", settings: {} }],
    portBindings: spec.modes.network === "host" ? {} : spec.ports,
    exposedPorts: Object.keys(spec.ports),
    publishAll: false,
    ...(owner !== undefined && { owner }),
  };
}
