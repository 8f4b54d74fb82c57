import { isFault } from "#base/fault.ts";
import { failure, type Status } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import { CachedObject, keyPrefix, type ObjectEventType, parseStoreKey } from "./cached-object.ts";
import { inChunks } from "./in-chunks.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { CacheEvent, ResourceCache } from "./resource-cache.ts";
import { keyOf, revisionOf } from "#orchestrator/storage/change-feed.ts";
import type { Change, Revision } from "#orchestrator/storage/store.ts";

/** What a watch sends, in one format. */
export interface WatchEncoder {
  event(type: ObjectEventType, object: CachedObject): Uint8Array;
  bookmark(revision: Revision, isInitialEnd: boolean): Uint8Array;
  error(status: Status): Uint8Array;
}

export interface WatchRequest {
  /** e.g. `core/pods` */
  readonly place: string;
  readonly namespace?: string;
  /** Only this one. */
  readonly name?: string;
  /** Whether an object is in sight; absent: all are. */
  readonly matches?: (object: KubeObject) => boolean;
  /** What events and `matches` have to wait for. */
  readonly prepare?: (all: readonly CachedObject[]) => Promise<void>;
  /** Changes behind this one; absent: what there is comes first, as if it were new. */
  readonly after?: Revision;
  readonly bookmarks: boolean;
  /** A bookmark says when what there was has been sent. */
  readonly marksInitialEnd: boolean;
  /** It ends by itself after so long. */
  readonly timeoutMs: number;
  /** The reader is in this process: each event is a chunk of its own, whose value it need not parse. */
  readonly isNear: boolean;
}

const bookmarkEveryMs = 60_000;
/** Whether the store has told all of the past is looked at so often; it says nothing when there is nothing. */
const catchUpLookMs = 5;

/**
 * The events of a watch, until its time is over or the signal aborts. The watcher holds nothing but its place: one that is slow
 * gets what it has missed from the store, and is told `Expired` when that is forgotten there.
 */
export async function* watchStream(
  cache: ObjectCache,
  request: WatchRequest,
  encoder: WatchEncoder,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const watcher = new Watcher(cache, request, encoder, signal);
  try {
    yield* watcher.run();
  } finally {
    watcher.close();
  }
}

interface Told {
  readonly type: ObjectEventType;
  readonly object: CachedObject;
}

class Watcher {
  readonly #cache: ObjectCache;
  readonly #resource: ResourceCache;
  readonly #request: WatchRequest;
  readonly #encoder: WatchEncoder;
  readonly #signal: AbortSignal;
  readonly #timers: NodeJS.Timeout[] = [];
  #at: Revision;
  #isOver = false;
  #isBookmarkDue = false;
  #wake: (() => void) | undefined;
  readonly #woken = () => this.#wake?.();

  constructor(cache: ObjectCache, request: WatchRequest, encoder: WatchEncoder, signal: AbortSignal) {
    this.#cache = cache;
    this.#resource = cache.resource(request.place);
    this.#request = request;
    this.#encoder = encoder;
    this.#signal = signal;
    this.#at = request.after ?? cache.position;
    this.#resource.waiting.add(this.#woken);
    signal.addEventListener("abort", this.#woken);
    this.#timers.push(setTimeout(() => this.#end(), request.timeoutMs).unref());
    if (request.bookmarks)
      this.#timers.push(setInterval(() => this.#bookmarkIsDue(), bookmarkEveryMs).unref());
  }

  async *run(): AsyncGenerator<Uint8Array> {
    const { after, bookmarks, marksInitialEnd } = this.#request;
    if (after === undefined) yield* await this.#initial();
    if (marksInitialEnd) yield this.#encoder.bookmark(this.#at, true);
    while (!this.#signal.aborted) {
      const events = this.#resource.since(this.#at);
      if (events === undefined) {
        const failed = yield* this.#catchUp();
        if (failed) return;
        continue;
      }
      if (events.length > 0) {
        yield* this.#send(events);
        continue;
      }
      this.#at = Math.max(this.#at, this.#cache.position);
      if (bookmarks && (this.#isBookmarkDue || this.#isOver)) {
        this.#isBookmarkDue = false;
        yield this.#encoder.bookmark(this.#at, false);
      }
      if (this.#isOver) return;
      // An event that came while something was sent has woken nobody.
      if (this.#resource.changed <= this.#at) await this.#next();
    }
  }

  close(): void {
    this.#resource.waiting.delete(this.#woken);
    this.#signal.removeEventListener("abort", this.#woken);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #initial(): Promise<Iterable<Uint8Array>> {
    const { namespace, name, matches } = this.#request;
    const found =
      name === undefined || (namespace === undefined && this.#resource.find(undefined, name) === undefined)
        ? this.#resource.list(namespace)
        : [this.#resource.find(namespace, name)].filter((one) => one !== undefined);
    await this.#prepare(found);
    return this.#chunks(
      found
        .values()
        .filter(
          (one) =>
            (name === undefined || one.key.name === name) && (matches === undefined || matches(one.object)),
        )
        .map((one) => this.#encoder.event("ADDED", one)),
    );
  }

  async #prepare(all: readonly CachedObject[]): Promise<void> {
    await this.#request.prepare?.(all);
  }

  async *#send(events: readonly CacheEvent[]): AsyncGenerator<Uint8Array> {
    if (this.#request.prepare === undefined) {
      yield* this.#frames(
        events,
        events.values().flatMap((event) => this.#told(event)),
      );
      return;
    }
    await this.#prepare(events.flatMap(({ object, previous }) => (previous ? [object, previous] : [object])));
    const told = events.flatMap((event) => [...this.#told(event)]);
    await this.#prepare(told.map(({ object }) => object));
    yield* this.#frames(events, told);
  }

  *#frames(events: readonly CacheEvent[], told: Iterable<Told>): Generator<Uint8Array> {
    const frames = Iterator.from(told).map(({ type, object }) => this.#encoder.event(type, object));
    const [only] = events;
    if (events.length === 1 && only !== undefined) {
      this.#at = only.revision;
      yield* frames;
      return;
    }
    this.#at = events.at(-1)?.revision ?? this.#at;
    yield* this.#chunks(frames);
  }

  #chunks(frames: Iterable<Uint8Array>): Iterable<Uint8Array> {
    return this.#request.isNear ? frames : inChunks(frames);
  }

  /** What the watcher is to be told of an event. */
  *#told(event: CacheEvent): Generator<Told> {
    const { namespace, name, matches } = this.#request;
    const { object, previous, type } = event;
    if (namespace !== undefined && object.key.namespace !== namespace) return;
    if (name !== undefined && object.key.name !== name) return;
    const was = previous !== undefined && (matches?.(previous.object) ?? true);
    if (type === "delete") {
      if (was) yield { type: "DELETED", object };
      return;
    }
    const is = matches?.(object.object) ?? true;
    if (is) yield { type: was ? "MODIFIED" : "ADDED", object };
    else if (was) yield { type: "DELETED", object: previous.as(event.revision) };
  }

  /** From the store, until the rest is remembered here. True when that is over. */
  async *#catchUp(): AsyncGenerator<Uint8Array, boolean> {
    const stop = new AbortController();
    const from = this.#at;
    const target = this.#cache.position;
    const changes = this.#cache.store.watch(
      keyPrefix(this.#request.place),
      from,
      AbortSignal.any([this.#signal, stop.signal]),
    );
    const timer = setInterval(() => {
      if (changes.position >= target) stop.abort();
    }, catchUpLookMs);
    try {
      for await (const batch of changes) {
        yield* this.#send(batch.map(eventOf).filter((event) => event !== undefined));
        if (this.#at >= target) break;
      }
      this.#at = Math.max(this.#at, target);
      return false;
    } catch (error) {
      if (!isFault(error, "precondition")) throw error;
      yield this.#encoder.error(tooOld(from, Number(error.detail["compacted"])).status);
      return true;
    } finally {
      clearInterval(timer);
      stop.abort();
    }
  }

  async #next(): Promise<void> {
    if (this.#signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.#wake = undefined;
  }

  #end(): void {
    this.#isOver = true;
    this.#woken();
  }

  #bookmarkIsDue(): void {
    this.#isBookmarkDue = true;
    this.#woken();
  }
}

export function tooOld(asked: Revision, oldest: Revision) {
  return failure("Expired", `too old resource version: ${asked} (${oldest})`);
}

function eventOf(change: Change): CacheEvent | undefined {
  const revision = revisionOf(change);
  const key = parseStoreKey(keyOf(change));
  if (key === undefined) return;
  const { previous } = change;
  const before = previous && new CachedObject(key, previous.value, previous.revision);
  if (change.type === "put")
    return {
      type: "put",
      revision,
      object: new CachedObject(key, change.entry.value, revision),
      ...(before !== undefined && { previous: before }),
    };
  const object = new CachedObject(key, change.previous.value, revision);
  return { type: "delete", revision, object, previous: before ?? object };
}
