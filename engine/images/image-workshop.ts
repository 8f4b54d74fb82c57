import { bytesFrom } from "#base/bytes-from.ts";
import { Fault } from "#base/fault.ts";
import { familiarReference, formatReference, type Reference } from "#oci/reference.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import { abortable } from "#engine/content/abortable.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import type { Lease } from "#engine/gc/leases.ts";
import { claimOf, storeBlob } from "./archive-index.ts";
import { commitImages } from "./commit-images.ts";
import { changing, type ImageDeps, publish } from "./image-deps.ts";
import type {
  CompressionMemory,
  ExportedImage,
  ExportOptions,
  LayerOptions,
  OutgoingBlob,
  PendingLayer,
} from "./image-export.ts";
import type { ImageRecord } from "./images.ts";
import { planLayers } from "./planned-image.ts";
import { storeImage } from "./store-image.ts";
import { verifyLayer } from "./unpack.ts";

/** A layer that is a blob and unpacked. Plain data. */
export interface BuiltLayer {
  readonly mediaType: string;
  /** Of the blob. */
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

/** Two blocks of zeros: a layer without anything in it, which no image lists. */
const emptyArchive = parseDigest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");

/** What builders need of the image store: layers and images made step by step, held by a lease while that goes on. */
export class ImageWorkshop {
  readonly #deps: ImageDeps;
  #memory: CompressionMemory | undefined;

  constructor(deps: ImageDeps) {
    this.#deps = deps;
  }

  hold(): Lease {
    return this.#deps.leases.hold();
  }

  /** From here on the image's layers stay, whatever becomes of it. Base first. */
  async layersOf(image: ImageRecord, lease: Lease): Promise<readonly BuiltLayer[]> {
    const layers = image.layers.map(({ mediaType, digest, size }, index) => ({
      mediaType,
      digest,
      size,
      diffId: parseDigest(image.config.rootfs.diff_ids[index] ?? ""),
      chainId: parseDigest(image.chainIds[index] ?? ""),
    }));
    for (const layer of layers) await this.#protect(layer, lease);
    return layers;
  }

  /** Whether the layer is still there; from here on it stays. */
  async keep(layer: BuiltLayer, lease: Lease): Promise<boolean> {
    await this.#protect(layer, lease);
    const { snapshots, content } = this.#deps;
    return snapshots.hasLayer(layer.chainId) && (await content.find(layer.digest)) !== undefined;
  }

  /**
   * Takes a plain tar stream in and unpacks it on top of `parent`; undefined when there is nothing in it. Volatile before {@link settle}.
   *
   * @throws {Fault} `invalid` for an archive that cannot be; `exhausted` for a full disk
   */
  async addLayer(
    parent: Digest | undefined,
    archive: AsyncIterable<Uint8Array>,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer | undefined> {
    const { content } = this.#deps;
    const { digest, size } = await content.ingest(
      abortable(archive, signal),
      { claim: claimOf(lease), isVolatile: true },
      signal,
    );
    if (digest === emptyArchive) return undefined;
    const blob = { mediaType: mediaTypes.ociLayer, digest, size, diffId: digest };
    return await this.stack(parent, blob, lease, signal);
  }

  /**
   * A layer that is a blob already, on top of `parent`. The blob must be held. Volatile before {@link settle}.
   *
   * @throws {Fault} `exhausted` for a full disk
   */
  async stack(
    parent: Digest | undefined,
    { mediaType, digest, size, diffId }: Omit<BuiltLayer, "chainId">,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer> {
    const { content, snapshots } = this.#deps;
    const chainId = parent === undefined ? diffId : sha256Of(`${parent} ${diffId}`);
    await lease.protect({ kind: "snapshot", ref: chainId });
    const source = { paths: content.pathsOf(digest), mediaType, diffId, isVolatile: true };
    await snapshots.unpack(chainId, parent, source, signal);
    return { mediaType, digest, size, diffId, chainId };
  }

  /**
   * Makes a layer of what a process has changed in a snapshot of its own, which is gone then; undefined, and the snapshot is still there, when that is
   * nothing. Volatile before {@link settle}.
   *
   * @param placeholders mount points that the runtime made
   * @throws {Fault} `exhausted` for a full disk
   */
  async turnIntoLayer(
    containerId: string,
    parent: Digest | undefined,
    placeholders: readonly string[],
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer | undefined> {
    const { content, snapshots } = this.#deps;
    let bytes = 0;
    const info = await content.ingestFile(async (path) => {
      const finished = await snapshots.finish(containerId, path, placeholders, signal);
      bytes = finished.bytes;
      return finished;
    }, claimOf(lease));
    if (info.digest === emptyArchive) return undefined;
    const layer = await this.#layerOf(info, parent, lease);
    await snapshots.turn(containerId, layer.chainId, { ...info, bytes });
    return layer;
  }

  /** Layers made so far survive a power cut from then on. Images that are finished do without. */
  async settle(): Promise<void> {
    await this.#deps.snapshots.settle();
    await this.#deps.content.settle();
  }

  async #layerOf(
    { digest, size }: { readonly digest: Digest; readonly size: number },
    parent: Digest | undefined,
    lease: Lease,
  ): Promise<BuiltLayer> {
    const chainId = parent === undefined ? digest : sha256Of(`${parent} ${digest}`);
    await lease.protect({ kind: "snapshot", ref: chainId });
    return { mediaType: mediaTypes.ociLayer, digest, size, diffId: digest, chainId };
  }

  /**
   * Takes a layer in that is somewhere else, unless it is here, and unpacks it on top of `parent`.
   *
   * @param sourceFrom its blob from an offset on
   * @throws {Fault} `invalid` when blob or content is not what it should be; `exhausted`; what the source throws
   */
  async takeLayer(
    parent: Digest | undefined,
    { mediaType, digest, size }: Descriptor,
    diffId: Digest,
    sourceFrom: (offset: number) => AsyncIterable<Uint8Array>,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<BuiltLayer> {
    const { content, snapshots } = this.#deps;
    const chainId = parent === undefined ? diffId : sha256Of(`${parent} ${diffId}`);
    const layer = { mediaType, digest, size, diffId, chainId };
    await this.#protect(layer, lease);
    await content.resume({ digest, size, claim: claimOf(lease) }, sourceFrom, signal);
    if (snapshots.hasLayer(chainId))
      await verifyLayer(this.#deps, { descriptor: layer, diffId, chainId }, signal);
    else
      await snapshots.unpack(chainId, parent, { paths: content.pathsOf(digest), mediaType, diffId }, signal);
    return layer;
  }

  /**
   * Makes an image without a name of one that is somewhere else, and returns its ID.
   *
   * @param read its blobs from an offset on
   * @throws {Fault} `invalid` when it is none, or a blob is not what it should be; `exhausted`; what the source throws
   */
  async takeImage(
    config: Uint8Array,
    descriptors: readonly Descriptor[],
    read: (blob: Descriptor, offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<Digest> {
    await using lease = this.hold();
    const parsed = parseImageConfig(config);
    const layers: BuiltLayer[] = [];
    for (const { descriptor, diffId } of planLayers(parsed, descriptors)) {
      const parent = layers.at(-1)?.chainId;
      const from = (offset: number) => read(descriptor, offset);
      layers.push(await this.takeLayer(parent, descriptor, diffId, from, lease, signal));
    }
    return await this.finish(parsed, layers, [], lease, signal);
  }

  /** A layer as it is to look elsewhere. */
  async exportLayer(
    layer: BuiltLayer,
    options: LayerOptions,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<OutgoingBlob> {
    const { exportLayer } = await import("./image-export.ts");
    return await exportLayer(await this.#exportDeps(lease), layer, options, signal);
  }

  /** Those of the layers that are not known yet in the form that is wanted. */
  async pendingLayers(
    layers: readonly BuiltLayer[],
    options: LayerOptions,
    lease: Lease,
  ): Promise<readonly PendingLayer[]> {
    const { pendingLayers } = await import("./image-export.ts");
    return pendingLayers(await this.#exportDeps(lease), layers, options);
  }

  /** Puts a document into the store for as long as the lease lasts. */
  async keepDocument(bytes: Uint8Array, lease: Lease, signal: AbortSignal): Promise<Digest> {
    return await storeBlob({ content: this.#deps.content, lease }, bytes, signal);
  }

  /** A blob from an offset on. @throws {Fault} `not-found` */
  async *blobFrom(digest: Digest, offset: number): AsyncGenerator<Uint8Array> {
    yield* bytesFrom((await this.#deps.content.open(digest)) as AsyncIterable<Uint8Array>, offset);
  }

  /** The config of an image as it is stored. */
  async configOf({ id }: ImageRecord): Promise<Buffer> {
    return await this.#deps.content.read(id, MAX_DOCUMENT_BYTES);
  }

  /** A blob that may have to be made first. */
  async ensureBlob(blob: OutgoingBlob, signal: AbortSignal): Promise<void> {
    if (blob.make !== undefined && (await this.#deps.content.find(blob.digest)) === undefined)
      await blob.make(signal);
  }

  async #exportDeps(lease: Lease) {
    const { CompressionMemory } = await import("./image-export.ts");
    this.#memory ??= new CompressionMemory();
    return { content: this.#deps.content, lease, memory: this.#memory };
  }

  /** Bytes on disk of a layer, without those below. */
  usage(layer: BuiltLayer): Promise<number> {
    return this.#deps.snapshots.usage(layer.chainId);
  }

  /**
   * Makes the image visible under its names, and tells of them. One that is there already costs nothing.
   *
   * @throws {Fault} `exhausted` for a full disk
   */
  async finish(
    config: ImageConfig,
    layers: readonly BuiltLayer[],
    names: readonly Reference[],
    lease: Lease,
    signal: AbortSignal,
  ): Promise<Digest> {
    const deps = this.#deps;
    const id = imageIdOf(config);
    const known = await changing(deps, async () => this.#nameKnown(id, names));
    if (!known) {
      const image = await storeImage({ content: deps.content, lease }, config, layers, signal, true);
      await this.settle();
      const lastTaggedAt = new Date(deps.now()).toISOString();
      const tagged = names.length === 0 ? {} : { lastTaggedAt };
      await commitImages(deps, [{ ...image, names }], tagged);
    }
    this.#tell(id, names);
    return id;
  }

  /**
   * The image as it is to look elsewhere, without making it visible. To be read while the lease is held.
   *
   * @param config of an image, or the ID of one that is here
   * @throws {Fault} `exhausted` for a full disk
   */
  async export(
    config: ImageConfig | Digest,
    layers: readonly BuiltLayer[],
    options: ExportOptions,
    lease: Lease,
    signal: AbortSignal,
  ): Promise<ExportedImage> {
    const { content } = this.#deps;
    const { exportImage } = await import("./image-export.ts");
    const bytes =
      typeof config === "string"
        ? await content.read(config, MAX_DOCUMENT_BYTES)
        : Buffer.from(JSON.stringify(config));
    return await exportImage(await this.#exportDeps(lease), bytes, layers, options, signal);
  }

  /** Gives an image that is there its names. @throws {Fault} `not-found` when it has gone meanwhile */
  async name(id: Digest, names: readonly Reference[]): Promise<Digest> {
    if (!(await changing(this.#deps, async () => this.#nameKnown(id, names))))
      throw new Fault("not-found", `No such image: ${id}`);
    this.#tell(id, names);
    return id;
  }

  #tell(id: Digest, names: readonly Reference[]): void {
    const labels = this.#deps.store.findById(id)?.config.config?.Labels;
    for (const name of names) publish(this.#deps, "tag", id, { name: familiarReference(name), labels });
  }

  /** True when the image is there, with the names it is to have from now on. */
  async #nameKnown(id: Digest, names: readonly Reference[]): Promise<boolean> {
    const { store } = this.#deps;
    const record = store.findById(id);
    if (record === undefined) return false;
    const has = new Set(store.namesOf(id).map(({ reference }) => formatReference(reference)));
    const fresh = names.filter((name) => !has.has(formatReference(name)));
    if (fresh.length > 0)
      await store.apply({
        names: fresh.map((reference) => ({ reference, imageId: id, target: record.manifest })),
      });
    return true;
  }

  /** Removes what nothing needs any more; returns the bytes that came back. */
  async collect(): Promise<number> {
    return (await this.#deps.collector.collect()).bytes;
  }

  /** {@link ImageWorkshop.collect} for whoever does not care how it ends. */
  async tidy(): Promise<void> {
    await this.#deps.collector.tidy();
  }

  async #protect({ digest, chainId }: BuiltLayer, lease: Lease): Promise<void> {
    await lease.protect({ kind: "blob", ref: digest });
    await lease.protect({ kind: "snapshot", ref: chainId });
  }
}

/** The ID that an image with this config has. */
export function imageIdOf(config: ImageConfig): Digest {
  return sha256Of(JSON.stringify(config));
}
