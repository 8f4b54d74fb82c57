import type { Revision } from "#orchestrator/storage/store.ts";
import type { CachedObject } from "./cached-object.ts";

export interface CacheEvent {
  readonly type: "put" | "delete";
  readonly revision: Revision;
  /** As it is now, or as it was last, with the revision of its removal. */
  readonly object: CachedObject;
  readonly previous?: CachedObject;
}

/** What is remembered of a resource's past; what is older comes from the store. */
const historyMost = { events: 4000, bytes: 8 << 20 };
/** So much more than that is kept before some of it goes. */
const slack = 1.25;

type Objects = Map<string, CachedObject>;

/** All objects of one resource, by namespace, and what has happened to them lately. */
export class ResourceCache {
  readonly #namespaces = new Map<string, Objects>();
  /** In the order of their keys, until a key comes or goes. */
  readonly #sorted = new Map<string | undefined, readonly CachedObject[]>();
  readonly #listeners = new Set<(event: CacheEvent) => void>();
  readonly #waiting = new Set<() => void>();
  #history: CacheEvent[] = [];
  #historyBytes = 0;
  /** Events up to this one are not, or no longer, in the history. */
  #forgotten: Revision;
  #changed: Revision = 0;

  constructor(since: Revision) {
    this.#forgotten = since;
  }

  /** The newest change of any of its objects that is known. */
  get changed(): Revision {
    return this.#changed;
  }

  get waiting(): Set<() => void> {
    return this.#waiting;
  }

  find(namespace: string | undefined, name: string): CachedObject | undefined {
    return this.#namespaces.get(namespace ?? "")?.get(name);
  }

  /** All of a namespace, or all there are, in the order of their keys. */
  list(namespace?: string): readonly CachedObject[] {
    const known = this.#sorted.get(namespace);
    if (known !== undefined) return known;
    const found =
      namespace === undefined
        ? [...this.#namespaces.keys()]
            .sort((a, b) => byBytes(`${a}/`, `${b}/`))
            .flatMap((each) => this.list(each))
        : Array.from(this.#namespaces.get(namespace)?.values() ?? []).sort((a, b) =>
            byBytes(a.key.name, b.key.name),
          );
    this.#sorted.set(namespace, found);
    return found;
  }

  /** Takes over what there is, without an event. */
  load(object: CachedObject): void {
    this.#put(object);
    this.#changed = Math.max(this.#changed, object.revision);
  }

  apply(event: CacheEvent): void {
    const { object, type, revision } = event;
    if (type === "put") this.#put(object);
    else this.#remove(object);
    this.#changed = revision;
    this.#history.push(event);
    this.#historyBytes += object.json.length;
    this.#forget();
    for (const listener of this.#listeners) listener(event);
    for (const wake of this.#waiting) wake();
  }

  /** Events behind a revision, or undefined when not all of them are remembered. */
  since(after: Revision): readonly CacheEvent[] | undefined {
    if (after < this.#forgotten) return undefined;
    const history = this.#history;
    let low = 0;
    let high = history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((history[middle]?.revision ?? 0) <= after) low = middle + 1;
      else high = middle;
    }
    return low === history.length ? [] : history.slice(low);
  }

  onEvent(listener: (event: CacheEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #put(object: CachedObject): void {
    const { namespace = "", name } = object.key;
    let objects = this.#namespaces.get(namespace);
    if (objects === undefined) {
      objects = new Map();
      this.#namespaces.set(namespace, objects);
    }
    // Who replaces an object stands where it stood.
    this.#unsort(namespace);
    objects.set(name, object);
  }

  #remove({ key: { namespace = "", name } }: CachedObject): void {
    const objects = this.#namespaces.get(namespace);
    objects?.delete(name);
    if (objects?.size === 0) this.#namespaces.delete(namespace);
    this.#unsort(namespace);
  }

  #unsort(namespace: string): void {
    if (this.#sorted.size === 0) return;
    this.#sorted.delete(namespace);
    this.#sorted.delete(undefined);
  }

  /** In one go now and then: each event is moved a few times at the most. */
  #forget(): void {
    const history = this.#history;
    if (history.length <= historyMost.events * slack && this.#historyBytes <= historyMost.bytes * slack)
      return;
    let gone = 0;
    while (history.length - gone > historyMost.events || this.#historyBytes > historyMost.bytes) {
      const event = history[gone++];
      if (event === undefined) break;
      this.#historyBytes -= event.object.json.length;
      this.#forgotten = event.revision;
    }
    this.#history = history.slice(gone);
  }
}

/** As the store has it: UTF-8 sorts as code points do. Names are ASCII, where that is what `<` does. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
