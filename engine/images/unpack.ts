import { createHash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
import type { Arrival } from "#engine/content/arrival.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { digestOf } from "#engine/content/sha256.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import { decompressed } from "./decompress.ts";
import type { ImageStore } from "./image-store.ts";
import type { PlannedImage, PlannedLayer } from "./planned-image.ts";

export interface UnpackDeps {
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly store: ImageStore;
  readonly lease: Pick<Lease, "protect">;
  readonly watch?: UnpackWatch;
}

/** Is asked and told about layers on their way. */
export interface UnpackWatch {
  /** Resolves when the blob is in the store. */
  available(layer: PlannedLayer): Promise<void>;
  /** The blob that is on its way into the store; undefined for one that is there. */
  arrivalOf?(layer: PlannedLayer): Arrival | undefined;
  /** @param current bytes of the blob that are unpacked */
  unpacking(layer: PlannedLayer, current: number): void;
  /** The layer is there, unpacked now or before. */
  placed(layer: PlannedLayer): void;
}

const unwatched: UnpackWatch = { available: async () => {}, unpacking: () => {}, placed: () => {} };

/**
 * Unpacks the layers of all the images, each chain once, several at once: how many, and how early, is the snapshotter's to say. Every blob is verified to be the layer that the config means, also one whose layer is there already. The
 * first failure stops the others; nothing is under way any more when it is thrown.
 *
 * @throws {Fault} as Snapshotter.unpack
 */
export async function unpackImages(
  deps: UnpackDeps,
  images: readonly Pick<PlannedImage, "layers">[],
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const all = startAll(deps, images, AbortSignal.any([signal, stop.signal]));
  try {
    await Promise.all(all);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(all);
    throw error;
  }
}

function startAll(
  deps: UnpackDeps,
  images: readonly Pick<PlannedImage, "layers">[],
  signal: AbortSignal,
): readonly Promise<void>[] {
  const chains = new Map<Digest, Promise<void>>();
  const started = new Map<string, Promise<void>>();
  for (const { layers } of images) {
    let parent: Digest | undefined;
    for (const layer of layers) {
      const key = `${layer.chainId} ${layer.descriptor.digest}`;
      const same = chains.get(layer.chainId);
      const below = parent === undefined ? undefined : chains.get(parent);
      const work = started.get(key) ?? placeLayer(deps, layer, { parent, below, same }, signal);
      started.set(key, work);
      if (same === undefined) chains.set(layer.chainId, work);
      parent = layer.chainId;
    }
  }
  return Array.from(started.values());
}

interface Place {
  readonly parent: Digest | undefined;
  /** The parent, when it is being placed, too. */
  readonly below: Promise<void> | undefined;
  /** The same layer from another blob. */
  readonly same: Promise<void> | undefined;
}

async function placeLayer(
  deps: UnpackDeps,
  layer: PlannedLayer,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  await deps.lease.protect({ kind: "snapshot", ref: layer.chainId });
  await place.same;
  const { watch = unwatched } = deps;
  if (deps.snapshots.hasLayer(layer.chainId)) {
    await watch.available(layer);
    await verifyLayer(deps, layer, signal);
    await place.below;
  } else await unpackLayer(deps, layer, place, signal);
  watch.placed(layer);
}

async function unpackLayer(
  { snapshots, content, watch = unwatched }: UnpackDeps,
  layer: PlannedLayer,
  { parent, below }: Place,
  signal: AbortSignal,
): Promise<void> {
  const { mediaType, size, digest } = layer.descriptor;
  const arrival = watch.arrivalOf?.(layer);
  const available = watch.available(layer).then(() => watch.unpacking(layer, 0));
  const ready = Promise.all([available, below]);
  ready.catch(() => {}); // whoever unpacks meets it
  const early = { ...(arrival && { arrival }), ready, parentReady: Promise.resolve(below) };
  const isReady = arrival === undefined && below === undefined;
  const source = { paths: content.pathsOf(digest), mediaType, diffId: layer.diffId };
  await snapshots.unpack(layer.chainId, parent, isReady ? source : { ...source, early }, signal);
  await ready;
  watch.unpacking(layer, size);
}

/** The layer is there from another blob: this one must hold the same, or the image would change when it is saved and loaded. */
export async function verifyLayer(
  { content, store }: Pick<UnpackDeps, "content" | "store">,
  { descriptor: { digest }, diffId }: PlannedLayer,
  signal: AbortSignal,
): Promise<void> {
  if (digest === diffId || store.hasLayer(digest, diffId)) return;
  const hash = createHash("sha256");
  for await (const chunk of decompressed(await content.open(digest))) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  const actual = digestOf(hash);
  if (actual !== diffId)
    throw new Fault("invalid", `invalid diffID for layer: expected "${diffId}", got "${actual}"`);
}
