import { setTimeout as sleep } from "node:timers/promises";
import { isFault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { keyOf, revisionOf } from "#orchestrator/storage/change-feed.ts";
import type { Change, Entry, Page, Revision, Store, Watch } from "#orchestrator/storage/store.ts";
import { CachedObject, type ObjectKey, parseStoreKey, storeKey } from "./cached-object.ts";
import { type CacheEvent, ResourceCache } from "./resource-cache.ts";

export const registryPrefix = "/registry/";
/** No object has this key; asking for it tells the newest revision. */
const nobody = "/registry";
const retryMs = 1000;

export interface ObjectCacheDeps {
  readonly store: Store;
  readonly log: Log;
}

/**
 * All objects of the store, in memory, by one watch over all of them: so what is read of several resources is of one moment, and
 * a revision says for all of them what has been seen.
 */
export class ObjectCache implements ObjectReader, AsyncDisposable {
  readonly store: Store;
  readonly #log: Log;
  readonly #resources = new Map<string, ResourceCache>();
  readonly #stop = new AbortController();
  #waiting: { readonly revision: Revision; readonly resolve: () => void }[] = [];
  #watch: Watch | undefined;
  #position: Revision = 0;
  #loadedAt: Revision = 0;
  #running: Promise<void> = Promise.resolve();
  #lastError: string | undefined;

  private constructor({ store, log }: ObjectCacheDeps) {
    this.store = store;
    this.#log = log;
  }

  /** Reads what there is, and goes on reading what changes. */
  static async open(deps: ObjectCacheDeps, signal: AbortSignal): Promise<ObjectCache> {
    const cache = new ObjectCache(deps);
    const page = await deps.store.list({ prefix: registryPrefix }, signal);
    cache.#load(page);
    cache.#running = cache.#follow();
    return cache;
  }

  /** All changes up to this one can be seen. */
  get position(): Revision {
    return this.#position;
  }

  /** Why changes do not come at the moment. */
  get failure(): string | undefined {
    return this.#lastError;
  }

  /** @param place e.g. `core/pods` */
  resource(place: string): ResourceCache {
    let found = this.#resources.get(place);
    if (found === undefined) {
      found = new ResourceCache(this.#loadedAt);
      this.#resources.set(place, found);
    }
    return found;
  }

  /** Resolves when all that is in the store now can be seen here, with its revision. */
  async fresh(signal: AbortSignal): Promise<Revision> {
    const { revision } = await this.store.get(nobody, signal);
    if (revision > this.#position) await this.reached(revision, signal);
    return Math.max(revision, this.#position);
  }

  /** Resolves when the revision can be seen. */
  async reached(revision: Revision, signal: AbortSignal): Promise<void> {
    if (this.#position >= revision) return;
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { revision, resolve };
    this.#waiting.push(waiter);
    const leave = () => {
      this.#waiting = this.#waiting.filter((one) => one !== waiter);
      resolve();
    };
    signal.addEventListener("abort", leave, { once: true });
    setImmediate(() => this.#catchUp());
    await promise;
    signal.removeEventListener("abort", leave);
    signal.throwIfAborted();
  }

  find<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T | undefined {
    return this.resource(placeOf(resource)).find(namespace, name)?.object as T | undefined;
  }

  *list<T extends KubeObject>(resource: string, namespace?: string): Iterable<T> {
    for (const cached of this.resource(placeOf(resource)).list(namespace)) yield cached.object as T;
  }

  onChange<T extends KubeObject>(
    resource: string,
    listener: (object: T | undefined, before: T | undefined) => void,
  ): Disposable {
    return this.resource(placeOf(resource)).onEvent(({ type, object, previous }) =>
      listener(type === "put" ? (object.object as T) : undefined, previous?.object as T | undefined),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const watch = this.store.watch(registryPrefix, this.#position, signal);
        this.#watch = watch;
        for await (const changes of watch) this.#apply(changes);
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = messageOf(error);
        this.#log.warn("the store's changes do not come", { reason: this.#lastError });
        await sleep(retryMs, undefined, { signal }).catch(() => undefined);
        if (isFault(error, "precondition")) await this.#relist(signal).catch(() => undefined);
      }
    }
  }

  /** A revision of somebody else's key is one that nothing will come for. */
  #catchUp(): void {
    const seen = this.#watch?.position ?? 0;
    if (seen > this.#position) this.#move(seen);
  }

  #load({ entries, revision }: Page): void {
    this.#loadedAt = revision;
    for (const entry of entries) {
      const key = parseStoreKey(entry.key);
      if (key !== undefined)
        this.resource(key.place).load(new CachedObject(key, entry.value, entry.revision));
    }
    this.#move(revision);
  }

  /** After a gap: what is different now has happened at the revision that was read. */
  async #relist(signal: AbortSignal): Promise<void> {
    const { entries, revision } = await this.store.list({ prefix: registryPrefix }, signal);
    for (const entry of entries.toSorted((a, b) => a.revision - b.revision)) {
      const key = parseStoreKey(entry.key);
      if (key === undefined) continue;
      const resource = this.resource(key.place);
      if (resource.find(key.namespace, key.name)?.revision !== entry.revision)
        resource.apply(putOf(key, resource, entry));
    }
    // Last, as their revision is the newest: events come in the order of their revisions.
    const present = new Set(entries.map(({ key }) => key));
    for (const resource of this.#resources.values())
      for (const cached of resource.list())
        if (!present.has(storeKey(cached.key)))
          resource.apply({ type: "delete", revision, object: cached.as(revision), previous: cached });
    this.#move(revision);
  }

  #apply(changes: readonly Change[]): void {
    this.#lastError = undefined;
    for (const change of changes) {
      const revision = revisionOf(change);
      const key = parseStoreKey(keyOf(change));
      if (key !== undefined) {
        const resource = this.resource(key.place);
        resource.apply(
          change.type === "put"
            ? putOf(key, resource, change.entry)
            : deleteOf(key, resource, change.previous, revision),
        );
      }
      this.#position = revision;
    }
    this.#move(this.#position);
  }

  #move(position: Revision): void {
    this.#position = position;
    if (this.#waiting.length === 0) return;
    const ready = this.#waiting.filter(({ revision }) => revision <= position);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({ revision }) => revision > position);
    for (const { resolve } of ready) resolve();
  }
}

function putOf(key: ObjectKey, resource: ResourceCache, { value, revision }: Entry): CacheEvent {
  const previous = resource.find(key.namespace, key.name);
  const object = new CachedObject(key, value, revision);
  return { type: "put", revision, object, ...(previous !== undefined && { previous }) };
}

function deleteOf(key: ObjectKey, resource: ResourceCache, { value }: Entry, revision: Revision): CacheEvent {
  const previous = resource.find(key.namespace, key.name);
  const object = new CachedObject(key, value, revision);
  return { type: "delete", revision, object, ...(previous !== undefined && { previous }) };
}

/** `roles.rbac.authorization.k8s.io` is at `rbac.authorization.k8s.io/roles`, `pods` at `core/pods`. */
function placeOf(resource: string): string {
  const dot = resource.indexOf(".");
  return dot === -1 ? `core/${resource}` : `${resource.slice(dot + 1)}/${resource.slice(0, dot)}`;
}
