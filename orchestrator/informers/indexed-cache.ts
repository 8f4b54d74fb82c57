import type { KubeObject } from "#api/kube/meta.ts";
import { keyOf, type ObjectRef } from "#client/kube/kube-resource.ts";

/** What an object is found by. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[];

interface Index<T extends KubeObject> {
  readonly valuesOf: IndexFunction<T>;
  readonly buckets: Map<string, Map<string, T>>;
}

const empty: ReadonlyMap<string, never> = new Map<string, never>();

/** Objects by key, namespace, and whatever else somebody needs to find them by. It keeps the objects it is given: they must not be changed. */
export class IndexedCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex("namespace", ({ metadata: { namespace } }) => (namespace === undefined ? [] : [namespace]));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  find({ namespace, name }: ObjectRef): T | undefined {
    return this.#objects.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  list(): Iterable<T> {
    return this.#objects.values();
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  inNamespace(namespace: string | undefined): Iterable<T> {
    return namespace === undefined ? this.list() : this.by("namespace", namespace);
  }

  /** The objects that have the value in an index. */
  by(index: string, value: string): Iterable<T> {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`no index ${index}`);
    return (found.buckets.get(value) ?? empty).values();
  }

  /** How many have the value in an index. */
  countBy(index: string, value: string): number {
    return this.#indexes.get(index)?.buckets.get(value)?.size ?? 0;
  }

  /** Adding an index of a name that is there already does nothing: one name means one function. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) put(index, key, object);
  }

  /** @returns what was there before */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (before !== undefined) take(index, key, before);
      put(index, key, object);
    }
    return before;
  }

  /** @returns what was there */
  delete(key: string): T | undefined {
    const before = this.#objects.get(key);
    if (before === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) take(index, key, before);
    return before;
  }
}

function put<T extends KubeObject>({ valuesOf, buckets }: Index<T>, key: string, object: T): void {
  for (const value of valuesOf(object)) {
    const bucket = buckets.get(value);
    if (bucket === undefined) buckets.set(value, new Map([[key, object]]));
    else bucket.set(key, object);
  }
}

function take<T extends KubeObject>({ valuesOf, buckets }: Index<T>, key: string, object: T): void {
  for (const value of valuesOf(object)) {
    const bucket = buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) buckets.delete(value);
  }
}
