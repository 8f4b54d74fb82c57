import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import { sleep, type Timers } from "#base/timers.ts";
import { apiVersionOf, keyOf } from "#client/kube/kube-resource.ts";
import type { ListOptions, ResourceClient } from "#client/kube/resource-client.ts";
import { endsInitialEvents, type WatchEvent } from "#client/kube/watch-events.ts";
import { BackOff } from "./back-off.ts";

/** Who is told what there is and how it changes. Calls must not throw. */
export interface ReflectorTarget<T extends KubeObject> {
  /** All there is now, by key. */
  replace(objects: ReadonlyMap<string, T>): void;
  /** Made or changed. */
  put(object: T): void;
  remove(object: T): void;
}

export interface ReflectorDeps {
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
}

/** Which objects of the resource. */
export type Selection = Pick<ListOptions, "namespace" | "labelSelector" | "fieldSelector">;

/**
 * Keeps a target the same as what the API has of a resource, until the signal aborts: it streams what there is (or lists it,
 * where the server cannot stream), then follows the changes. A watch that ends is resumed where it ended; when the server has
 * forgotten that point everything is read again.
 *
 * @see Kubernetes API concepts, efficient detection of changes; streaming lists
 */
export class Reflector<T extends KubeObject> {
  readonly #client: ResourceClient<T>;
  readonly #target: ReflectorTarget<T>;
  readonly #deps: ReflectorDeps;
  readonly #selection: Selection;
  readonly #backOff: BackOff;
  #canStream = true;
  /** Up to where changes have been told; undefined: everything has to be read. */
  #position: string | undefined;

  constructor(
    client: ResourceClient<T>,
    target: ReflectorTarget<T>,
    deps: ReflectorDeps,
    selection: Selection = {},
  ) {
    this.#client = client;
    this.#target = target;
    this.#deps = deps;
    this.#selection = selection;
    this.#backOff = new BackOff(deps.random);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#once(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, signal);
      }
    }
  }

  /** One watch, with what must be read before it. */
  async #once(signal: AbortSignal): Promise<void> {
    if (this.#position === undefined && this.#canStream) {
      await this.#streamAll(signal);
      return;
    }
    if (this.#position === undefined) await this.#listAll(signal);
    const events = await this.#client.watch(
      {
        ...this.#selection,
        resourceVersion: this.#position ?? "0",
        allowWatchBookmarks: true,
        timeoutSeconds: this.#timeoutS(),
      },
      signal,
    );
    await this.#follow(events, signal);
  }

  async #streamAll(signal: AbortSignal): Promise<void> {
    const events = await this.#client.watch(
      {
        ...this.#selection,
        sendInitialEvents: true,
        resourceVersionMatch: "NotOlderThan",
        allowWatchBookmarks: true,
        timeoutSeconds: this.#timeoutS(),
      },
      signal,
    );
    const initial = new Map<string, T>();
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return; // ended before everything was told: from the start again
      if (endsInitialEvents(value)) {
        this.#replace(initial, value.object.metadata.resourceVersion);
        break;
      }
      if (value.type === "DELETED") initial.delete(keyOf(value.object));
      else if (value.type !== "BOOKMARK") initial.set(keyOf(value.object), slim(value.object));
    }
    await this.#follow(events, signal);
  }

  async #listAll(signal: AbortSignal): Promise<void> {
    const objects = new Map<string, T>();
    let version: string | undefined;
    let next: string | undefined;
    do {
      const page = await this.#client.list(
        { ...this.#selection, limit: 500, ...(next === undefined ? {} : { continue: next }) },
        signal,
      );
      for (const object of page.items) objects.set(keyOf(object), slim(object));
      version = page.metadata.resourceVersion;
      next = page.metadata.continue;
    } while (next !== undefined && next !== "");
    this.#replace(objects, version);
  }

  #replace(objects: ReadonlyMap<string, T>, position: string | undefined): void {
    this.#target.replace(objects);
    this.#position = position;
    this.#backOff.reset();
  }

  async #follow(events: AsyncGenerator<WatchEvent<T>, void, undefined>, signal: AbortSignal): Promise<void> {
    let count = 0;
    for await (const { type, object } of events) {
      if (signal.aborted) return;
      if (type === "DELETED") this.#target.remove(slim(object));
      else if (type !== "BOOKMARK") this.#target.put(slim(object));
      this.#position = object.metadata.resourceVersion ?? this.#position;
      if (count++ === 0) this.#backOff.reset();
    }
    if (count === 0 && !signal.aborted) await sleep(this.#deps.timers, this.#backOff.next(), signal);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const resource = `${apiVersionOf(this.#client.resource)}/${this.#client.resource.resource}`;
    if (isStatus(error, "Expired") || isStatus(error, "Gone")) {
      this.#deps.log.debug("a watch is too far behind and begins again", { resource });
      this.#position = undefined;
      return;
    }
    if (this.#position === undefined && this.#canStream && isStatus(error, "Invalid")) {
      this.#canStream = false; // an older server
      return;
    }
    this.#deps.log.warn("a watch failed and is tried again", { resource, error });
    await sleep(this.#deps.timers, this.#backOff.next(), signal).catch(() => {});
  }

  /** Watches end at different times, so that not all of them begin again at once. */
  #timeoutS(): number {
    return Math.floor(300 * (1 + this.#deps.random()));
  }
}

/** Without what only the server needs and what makes up most of an object. The object itself may be the server's, too. */
function slim<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
