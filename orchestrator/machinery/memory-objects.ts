import type { KubeObject } from "#api/kube/meta.ts";
import type { ObjectReader } from "./object-reader.ts";

type Listener = (object: KubeObject | undefined, before: KubeObject | undefined) => void;

/** An {@link ObjectReader} over objects that somebody puts there, e.g. a test. */
export class MemoryObjects implements ObjectReader {
  /** Resource → namespace/name → object. */
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Puts it there, or instead of what has its name. */
  put(resource: string, object: KubeObject): void {
    const all = this.#all(resource);
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const before = all.get(key);
    all.set(key, object);
    for (const listener of this.#listeners.get(resource) ?? []) listener(object, before);
  }

  remove(resource: string, namespace: string | undefined, name: string): void {
    const all = this.#all(resource);
    const before = all.get(keyOf(namespace, name));
    if (before === undefined) return;
    all.delete(keyOf(namespace, name));
    for (const listener of this.#listeners.get(resource) ?? []) listener(undefined, before);
  }

  find<T extends KubeObject>(resource: string, namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(resource)?.get(keyOf(namespace, name)) as T | undefined;
  }

  *list<T extends KubeObject>(resource: string, namespace?: string): Iterable<T> {
    for (const object of this.#objects.get(resource)?.values() ?? [])
      if (namespace === undefined || object.metadata.namespace === namespace) yield object as T;
  }

  onChange<T extends KubeObject>(
    resource: string,
    listener: (object: T | undefined, before: T | undefined) => void,
  ): Disposable {
    const set = this.#listeners.get(resource) ?? new Set();
    this.#listeners.set(resource, set);
    set.add(listener as Listener);
    return { [Symbol.dispose]: () => void set.delete(listener as Listener) };
  }

  #all(resource: string): Map<string, KubeObject> {
    const all = this.#objects.get(resource) ?? new Map<string, KubeObject>();
    this.#objects.set(resource, all);
    return all;
  }
}

function keyOf(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? ""}/${name ?? ""}`;
}
