import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { UdpFlow } from "#host/udp-flows.ts";
import type { Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import type { Informer } from "#orchestrator/informers/informer.ts";
import { serviceOfSlice, slicesByService } from "#orchestrator/informers/service-slices.ts";
import { elementsOf, type ElementFacts, type Memory, noMemory } from "./elements.ts";
import { type Frontend, frontendsOf } from "./frontends.ts";
import type { ServiceTable } from "./service-table.ts";
import { staleFlows } from "./stale-flows.ts";

export interface ServiceProxyDeps {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly table: ServiceTable;
  readonly nodeName: string;
  readonly isOwn: ElementFacts["isOwn"];
  readonly forgetFlows: (flows: readonly UdpFlow[]) => Promise<void>;
  readonly timers: Timers;
  readonly log: Log;
}

const shortestRetryMs = 500;
const longestRetryMs = 30_000;

interface Known {
  readonly frontends: readonly Frontend[];
  readonly memory: Memory;
}

/** Keeps the table the same as the services and their slices. Whatever changes while it writes is in the next write. */
export class ServiceProxy implements AsyncDisposable {
  readonly #deps: ServiceProxyDeps;
  readonly #facts: ElementFacts;
  readonly #slicesOf: (key: string) => readonly EndpointSlice[];
  readonly #known = new Map<string, Known>();
  readonly #handlers = new DisposableStack();
  #dirty = new Set<string>();
  #stale: UdpFlow[] = [];
  #working: Promise<void> | undefined;
  #isDue = true;
  #failures = 0;
  #cancelRetry = () => {};
  #isClosed = false;
  #lastId = 0;

  /** Nothing is written before {@link begin}. */
  constructor(deps: ServiceProxyDeps) {
    this.#deps = deps;
    this.#slicesOf = slicesByService(deps.slices.cache);
    this.#facts = { isOwn: deps.isOwn, nextId: () => ++this.#lastId };
  }

  /** All services that there are have their rules when it resolves. @throws what the table's first write throws */
  async begin(signal: AbortSignal): Promise<void> {
    const { services, slices } = this.#deps;
    await Promise.all([services.synced(signal), slices.synced(signal)]);
    const service = (object: Service) => this.#touch(keyOf(object));
    const slice = (object: EndpointSlice) => this.#touch(serviceOfSlice(object));
    this.#working = Promise.resolve(); // the first write is ours
    this.#handlers.use(services.handle({ added: service, updated: service, deleted: service }));
    this.#handlers.use(
      slices.handle({
        added: slice,
        updated: (now, before) => [now, before].forEach(slice),
        deleted: slice,
      }),
    );
    try {
      await this.#once();
    } finally {
      this.#working = undefined;
    }
    if (this.#dirty.size > 0) this.#work();
  }

  /** Others changed the table: it is written whole. */
  restore(): void {
    this.#deps.table.distrust();
    this.#isDue = true;
    this.#work();
  }

  /** The rules stay, for connections to come until the next proxy takes over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#handlers.dispose();
    this.#cancelRetry();
    await this.#working;
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#isDue = true;
    this.#work();
  }

  #work(): void {
    if (this.#isClosed || this.#working !== undefined) return;
    this.#working = this.#untilDone().finally(() => {
      this.#working = undefined;
    });
  }

  async #untilDone(): Promise<void> {
    await Promise.resolve(); // whatever the same turn brings comes along
    while (this.#isDue && !this.#isClosed) {
      try {
        await this.#once();
        this.#failures = 0;
      } catch (error) {
        this.#deps.log.error("services are not what they should be; trying again", {
          reason: messageOf(error),
        });
        const delayMs = Math.min(shortestRetryMs * 2 ** this.#failures++, longestRetryMs);
        this.#cancelRetry();
        this.#cancelRetry = this.#deps.timers.after(delayMs, () => {
          this.#isDue = true;
          this.#work();
        });
        return;
      }
    }
  }

  async #once(): Promise<void> {
    const { table, forgetFlows, log } = this.#deps;
    const dirty = this.#dirty;
    this.#dirty = new Set();
    this.#isDue = false;
    for (const key of dirty) this.#plan(key);
    await table.write();
    const stale = this.#stale;
    this.#stale = [];
    await forgetFlows(stale).catch((error: unknown) =>
      log.warn("UDP flows go on to where they went", { reason: messageOf(error) }),
    );
  }

  #plan(key: string): void {
    const { services, table, nodeName } = this.#deps;
    const service = services.cache.get(key);
    const frontends = service === undefined ? [] : frontendsOf(service, this.#slicesOf(key), nodeName);
    const before = this.#known.get(key);
    const { elements, memory } = elementsOf(frontends, before?.memory ?? noMemory, this.#facts);
    table.put(key, elements);
    this.#stale.push(...staleFlows(before?.frontends ?? [], frontends));
    if (service === undefined) this.#known.delete(key);
    else this.#known.set(key, { frontends, memory });
  }
}
