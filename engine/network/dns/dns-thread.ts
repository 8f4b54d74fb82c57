import { closeSync, openSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { ListenAddress } from "#host/dns/dns-server.ts";
import type { ResolverClient } from "./resolver.ts";
import type { DnsAnswer, DnsRequest } from "./worker.ts";

interface Open {
  readonly client: ResolverClient;
  /** Of its network namespace: the path that it was opened by may mean another one later. */
  readonly netns: number;
}

const MEMORY_MAX_MB = 64;
/** In the daemon's life. A thread that keeps failing is a fault to be seen, not to be hidden. */
const RESTARTS_MAX = 10;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Fault) => void;
}

/**
 * The thread that resolves names for containers in user-defined networks; it starts with the first of them, because it costs
 * some megabytes. It has to be a thread of its own to enter their network namespaces.
 */
export class DnsThread implements AsyncDisposable {
  readonly #log: Log;
  readonly #listen: ListenAddress;
  readonly #waiting = new Map<number, Waiting>();
  readonly #open = new Map<string, Open>();
  #worker: Worker | undefined;
  #serial = 0;
  #restarts = 0;
  #isClosed = false;

  /** `listen` is where containers find it, in each one's own namespace. */
  constructor(deps: { readonly log: Log; readonly listen?: ListenAddress }) {
    this.#log = deps.log;
    this.#listen = deps.listen ?? { address: "127.0.0.11", port: 53 };
  }

  /**
   * The container's names are known to its network and it may ask for others' when this resolves.
   *
   * @throws {Fault} `unavailable` when its namespace cannot be entered or the address is taken in there
   */
  async open(client: ResolverClient): Promise<void> {
    const { containerId } = client;
    this.close(containerId);
    const netns = openNamespace(client.netnsPath);
    const held = { ...client, netnsPath: `/proc/self/fd/${netns}` };
    this.#open.set(containerId, { client: held, netns });
    try {
      await this.#request((serial) => ({ do: "open", serial, client: held }));
    } catch (error) {
      this.close(containerId);
      throw error;
    }
  }

  has(containerId: string): boolean {
    return this.#open.has(containerId);
  }

  /** Other names, networks or links for an open one; its namespace stays. */
  update(client: Omit<ResolverClient, "netnsPath">): void {
    const open = this.#open.get(client.containerId);
    if (open === undefined) return;
    const next = { ...client, netnsPath: open.client.netnsPath };
    this.#open.set(client.containerId, { ...open, client: next });
    this.#post({ do: "update", client: next });
  }

  close(containerId: string): void {
    const open = this.#open.get(containerId);
    if (open === undefined) return;
    this.#open.delete(containerId);
    closeSync(open.netns);
    this.#post({ do: "close", containerId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
    for (const { netns } of this.#open.values()) closeSync(netns);
    this.#open.clear();
  }

  #request(make: (serial: number) => DnsRequest): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Fault("unavailable", "the resolver is shut down"));
    const serial = ++this.#serial;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(serial, { resolve, reject });
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#post(make(serial));
    return promise;
  }

  #post(request: DnsRequest): void {
    this.#worker?.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      name: "gantry-dns",
      workerData: this.#listen,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
    });
    worker.on("message", (answer: DnsAnswer) => this.#settle(answer));
    worker.on("error", (error) => this.#log.error("resolver thread failed", { error }));
    worker.on("exit", () => this.#ended(worker));
    return worker;
  }

  #settle({ serial, error }: DnsAnswer): void {
    const waiting = this.#waiting.get(serial);
    this.#waiting.delete(serial);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new Fault("unavailable", `embedded DNS server: ${error}`));
  }

  #ended(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values())
      reject(new Fault("unavailable", "the resolver was lost; try again"));
    this.#waiting.clear();
    if (this.#isClosed || this.#open.size === 0 || this.#restarts++ >= RESTARTS_MAX) return;
    for (const { client } of this.#open.values())
      this.#request((serial) => ({ do: "open", serial, client })).catch((error: unknown) =>
        this.#log.warn("container is without name resolution", { container: client.containerId, error }),
      );
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw new Fault("unavailable", `network namespace ${path} is gone`, { cause: error });
  }
}
