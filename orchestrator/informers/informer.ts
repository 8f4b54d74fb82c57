import type { KubeObject } from "#api/kube/meta.ts";
import { untilAborted } from "#base/until-aborted.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import type { ResourceClient } from "#client/kube/resource-client.ts";
import { IndexedCache } from "./indexed-cache.ts";
import { Reflector, type ReflectorDeps, type ReflectorTarget, type Selection } from "./reflector.ts";

/** Is called for each change, after the cache has it. Must be quick and not throw: it puts keys into a queue. */
export interface Handler<T extends KubeObject> {
  added?(object: T): void;
  updated?(object: T, before: T): void;
  deleted?(object: T): void;
}

/** What the API has of a resource, in memory, a little behind; and who wants to know of changes. */
export class Informer<T extends KubeObject> {
  readonly cache = new IndexedCache<T>();
  readonly #handlers = new Set<Handler<T>>();
  readonly #reflector: Reflector<T>;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(client: ResourceClient<T>, deps: ReflectorDeps, selection: Selection = {}) {
    const target: ReflectorTarget<T> = {
      replace: (objects) => this.#replace(objects),
      put: (object) => this.#put(object),
      remove: (object) => this.#remove(keyOf(object), object),
    };
    this.#reflector = new Reflector(client, target, deps, selection);
  }

  /** Whether all that was there at the start has been told. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Settles when {@link hasSynced} holds, or rejects when the signal aborts. */
  async synced(signal: AbortSignal): Promise<void> {
    await untilAborted(this.#synced.promise, signal);
  }

  /** What is there already is told as added, at once. */
  handle(handler: Handler<T>): Disposable {
    this.#handlers.add(handler);
    if (handler.added !== undefined) for (const object of this.cache.list()) handler.added(object);
    return { [Symbol.dispose]: () => void this.#handlers.delete(handler) };
  }

  /** Keeps up until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  #replace(objects: ReadonlyMap<string, T>): void {
    for (const key of this.cache.keys()) if (!objects.has(key)) this.#remove(key);
    for (const object of objects.values()) this.#put(object);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  #put(object: T): void {
    const known = this.cache.get(keyOf(object));
    if (known !== undefined && known.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) this.#remove(keyOf(object));
    const before = this.cache.set(object);
    for (const handler of this.#handlers)
      if (before === undefined) handler.added?.(object);
      else handler.updated?.(object, before);
  }

  /** @param last how it was when it went, where that is known */
  #remove(key: string, last?: T): void {
    const before = this.cache.delete(key);
    if (before === undefined) return;
    for (const handler of this.#handlers) handler.deleted?.(last ?? before);
  }
}
