import { isFault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import { type Item, keyOf, type Leases } from "./leases.ts";

export interface Collected {
  readonly blobs: readonly Digest[];
  /** Chain IDs, children before their parents. */
  readonly layers: readonly Digest[];
  /** Bytes on disk that came back. */
  readonly bytes: number;
}

export interface CollectorDeps {
  readonly content: ContentStore;
  readonly snapshots: Pick<Snapshotter, "list" | "usage" | "remove">;
  readonly leases: Leases;
  /** What images need, asked anew for every run. */
  readonly roots: () => Iterable<Item>;
  readonly now: () => number;
  readonly log: Log;
}

/** Timers cannot wait longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Mark and sweep over blobs and layers. Roots are images and leases; layers below a container or another layer stay because the
 * snapshotter does not list them. Items are removed one at a time, each decision made in the same step as its removal begins, so
 * the collector never has to stop anybody: what is protected while it runs stays.
 */
export class Collector implements Disposable {
  readonly #deps: CollectorDeps;
  #running: Promise<Collected> | undefined;
  #next: Promise<Collected> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  /**
   * Removes everything that nothing needed when it was called. Runs never overlap; calls during a run share the one after it.
   */
  collect(): Promise<Collected> {
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  /** Collects, when what comes of it matters to nobody: a failure is logged. */
  async tidy(): Promise<void> {
    try {
      await this.collect();
    } catch (error) {
      this.#deps.log.error("garbage collection failed", { error });
    }
  }

  /** {@link Collector.tidy} in the background. */
  request(): void {
    void this.tidy();
  }

  /** No run begins after this; one under way goes on to its next item and ends. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #afterRunning(): Promise<Collected> {
    await this.#running?.catch(() => {});
    this.#running = this.#next;
    this.#next = undefined;
    return await this.#run();
  }

  async #run(): Promise<Collected> {
    this.#schedule(await this.#deps.leases.expire());
    const kept = new Set<string>();
    using _ = this.#deps.leases.watch((item) => kept.add(keyOf(item)));
    this.#mark(kept);
    const layers = await this.#sweepLayers(kept);
    const blobs = await this.#sweepBlobs(kept);
    const bytes = layers.bytes + blobs.bytes;
    if (bytes > 0 || layers.removed.length + blobs.removed.length > 0)
      this.#deps.log.info("garbage collected", {
        layers: layers.removed.length,
        blobs: blobs.removed.length,
        bytes,
      });
    return { blobs: blobs.removed, layers: layers.removed, bytes };
  }

  /** In one step: what is not marked here was not needed at this moment. */
  #mark(kept: Set<string>): void {
    for (const item of this.#deps.roots()) kept.add(keyOf(item));
    for (const item of this.#deps.leases.items()) kept.add(keyOf(item));
  }

  /** From the top down: a layer can go when the last one on top of it has gone. */
  async #sweepLayers(kept: ReadonlySet<string>): Promise<{ removed: Digest[]; bytes: number }> {
    const tried = new Set<string>();
    const removed: Digest[] = [];
    let bytes = 0;
    for (let keys = this.#topLayers(kept, tried); keys.length > 0; keys = this.#topLayers(kept, tried))
      for (const key of keys) {
        tried.add(key);
        const size = await this.#deps.snapshots.usage(key).catch(() => 0);
        const item: Item = { kind: "snapshot", ref: key };
        if (!(await this.#remove(item, kept, () => this.#deps.snapshots.remove(key)))) continue;
        removed.push(parseDigest(key));
        bytes += size;
      }
    return { removed, bytes };
  }

  #topLayers(kept: ReadonlySet<string>, tried: ReadonlySet<string>): readonly string[] {
    return this.#deps.snapshots
      .list()
      .filter(
        ({ key, kind }) =>
          kind === "layer" && !tried.has(key) && !kept.has(keyOf({ kind: "snapshot", ref: key })),
      )
      .map(({ key }) => key);
  }

  async #sweepBlobs(kept: ReadonlySet<string>): Promise<{ removed: Digest[]; bytes: number }> {
    const { content } = this.#deps;
    const removed: Digest[] = [];
    let bytes = 0;
    for (const { digest, size } of await content.list()) {
      if (!(await this.#remove({ kind: "blob", ref: digest }, kept, () => content.remove(digest)))) continue;
      removed.push(digest);
      bytes += size;
    }
    await content.dropPartial((digest) => kept.has(keyOf({ kind: "blob", ref: digest })));
    return { removed, bytes };
  }

  /** A container that was just made on top of a layer, or an item that went away, is no failure. */
  async #remove(item: Item, kept: ReadonlySet<string>, remove: () => Promise<void>): Promise<boolean> {
    const isKept = () => this.#isClosed || kept.has(keyOf(item));
    try {
      return await this.#deps.leases.removeUnheld(item, isKept, remove);
    } catch (error) {
      if (!isFault(error, "conflict") && !isFault(error, "not-found"))
        this.#deps.log.error("garbage not removed", { ...item, error });
      return false;
    }
  }

  /** A durable lease that ends by itself is looked at once, when its time comes. */
  #schedule(nextExpiry: number | undefined): void {
    clearTimeout(this.#timer);
    if (nextExpiry === undefined || this.#isClosed) return;
    const delay = Math.min(nextExpiry - this.#deps.now() + 1000, MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.request(), delay);
    this.#timer.unref();
  }
}
