import type { Readable } from "node:stream";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Log } from "#base/log.ts";
import type { RegistrySettings } from "#base/registry-settings.ts";
import type { Digest } from "#oci/digest.ts";
import type { Platform } from "#oci/platform.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import type { EventSink } from "#engine/events/events.ts";
import { Collector } from "#engine/gc/collector.ts";
import { type Item, Leases } from "#engine/gc/leases.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { ContentExchange } from "./content-exchange.ts";
import { type Distribution, lazyDistribution } from "./distribution.ts";
import type { SignatureSource } from "#engine/trust/signature-source.ts";
import type { TrustGate } from "#engine/trust/trust-gate.ts";
import { Admission } from "./admission.ts";
import type { ImageDeps } from "./image-deps.ts";
import { ImageStore } from "./image-store.ts";
import { ImageTrust } from "./image-trust.ts";
import { ImageWorkshop } from "./image-workshop.ts";
import type { ImageRecord, Images, ImageUse, LoadOptions, RemovedImage } from "./images.ts";
import type { ImportOptions } from "./import.ts";
import { pruneImages, type PruneFilter } from "./prune.ts";
import { removeImage } from "./remove.ts";
import { resolveImage } from "./resolve.ts";
import type { ScrubberOptions } from "./scrubber.ts";
import { StoredSignatures } from "./stored-signatures.ts";
import { tagImage } from "./tag.ts";

export interface LocalImagesDeps {
  readonly db: Database;
  readonly content: ContentStore;
  /** Reconciled. */
  readonly snapshots: Snapshotter;
  /** Asked only when an image is to be removed, so it may be wired up later. */
  readonly use: ImageUse;
  readonly events: EventSink;
  /** The host's: decides which image of an index is taken. */
  readonly platform: Platform;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
  /** What garbage collection is to keep beside images, asked anew for every run. */
  readonly otherRoots?: () => Iterable<Item>;
  /** Makes what the trust policy is asked through, over the signatures that are kept here. Without it everything is trusted. */
  readonly openGate?: (stored: SignatureSource) => TrustGate;
}

/**
 * The images of this host. Opening reads all records; {@link LocalImages.collect} is for the daemon to call once everything else
 * is up, which cleans up after whatever was killed.
 */
export class LocalImages implements Images, Disposable {
  readonly #deps: ImageDeps;
  readonly #db: Database;
  readonly #log: Log;

  constructor({ db, log, otherRoots = () => [], openGate, ...deps }: LocalImagesDeps) {
    const store = new ImageStore(db);
    function* roots(): Generator<Item> {
      yield* store.roots();
      yield* otherRoots();
    }
    const { content, snapshots, now } = deps;
    const leases = new Leases({ db, now, log });
    const collector = new Collector({ content, snapshots, leases, roots, now, log });
    const gate = openGate?.(new StoredSignatures({ store, content }));
    const admission = new Admission({ store, content, gate });
    this.#db = db;
    this.#log = log;
    this.#deps = { ...deps, store, leases, collector, admission, lock: new KeyedLock() };
  }

  get admission(): Admission {
    return this.#deps.admission;
  }

  resolve(name: string): ImageRecord {
    return resolveImage(this.#deps.store, name);
  }

  findById(id: Digest): ImageRecord | undefined {
    return this.#deps.store.findById(id);
  }

  list(): readonly ImageRecord[] {
    return this.#deps.store.list();
  }

  // What reads and writes archives is loaded when there is one.

  async load(archive: Readable, options: LoadOptions, signal: AbortSignal): Promise<void> {
    const { loadImages } = await import("./load.ts");
    return loadImages(this.#deps, archive, options, signal);
  }

  async save(names: readonly string[], signal: AbortSignal): Promise<Readable> {
    const { saveImages } = await import("./save.ts");
    return saveImages(this.#deps, names, signal);
  }

  async importRootfs(archive: Readable, options: ImportOptions, signal: AbortSignal): Promise<Digest> {
    const { importRootfs } = await import("./import.ts");
    return importRootfs(this.#deps, archive, options, signal);
  }

  commit: Images["commit"] = async (layer, options, signal) => {
    const { commitLayer } = await import("./commit-layer.ts");
    return commitLayer(this.#deps, layer, options, signal);
  };

  tag(name: string, repository: string, tag: string): Promise<void> {
    return tagImage(this.#deps, name, repository, tag);
  }

  /** `noprune` is about parents of images, which only Docker's classic builder makes. */
  remove(
    name: string,
    options: { readonly force: boolean; readonly noprune: boolean },
  ): Promise<readonly RemovedImage[]> {
    return removeImage(this.#deps, name, options);
  }

  prune(filter: PruneFilter): Promise<{ readonly removed: readonly RemovedImage[]; readonly bytes: number }> {
    return pruneImages(this.#deps, filter);
  }

  /** To and from registries; its code is loaded when it is first used. */
  distribution(settings: RegistrySettings): Distribution {
    const registry = { settings, now: this.#deps.now };
    return lazyDistribution(async () => {
      const { RemoteDistribution } = await import("./remote-distribution.ts");
      return new RemoteDistribution(this.#deps, registry);
    });
  }

  /** For what goes to and comes from registries without being an image here. */
  async exchange(settings: RegistrySettings): Promise<ContentExchange> {
    const { RegistryExchange } = await import("./content-exchange.ts");
    return new RegistryExchange(this.#deps, settings);
  }

  /** For those who have blobs of their own in the content store. */
  get keeping(): Pick<ImageDeps, "leases" | "collector"> {
    return this.#deps;
  }

  /** For builders. */
  workshop(): ImageWorkshop {
    return new ImageWorkshop(this.#deps);
  }

  /** For those who ask where images come from. */
  trust(): ImageTrust {
    return new ImageTrust(this.#deps);
  }

  /** Looks for what was altered on disk, from now on until it is disposed of. */
  async scrub(options: ScrubberOptions): Promise<AsyncDisposable> {
    const { Scrubber } = await import("./scrubber.ts");
    const scrubber = new Scrubber({ ...this.#deps, db: this.#db, log: this.#log }, options);
    await scrubber.start();
    return scrubber;
  }

  /** Removes blobs and layers that nothing needs. */
  async collect(): Promise<void> {
    await this.#deps.collector.tidy();
  }

  /** Stops garbage collection. */
  [Symbol.dispose](): void {
    this.#deps.collector[Symbol.dispose]();
  }
}
