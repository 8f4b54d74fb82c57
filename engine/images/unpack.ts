import { createHash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { Digest } from "#oci/digest.ts";
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
  /** @param current bytes of the blob that are unpacked */
  unpacking(layer: PlannedLayer, current: number): void;
  /** The layer is there, unpacked now or before. */
  placed(layer: PlannedLayer): void;
}

const unwatched: UnpackWatch = { available: async () => {}, unpacking: () => {}, placed: () => {} };

/**
 * Unpacks the layers of all the images, each chain once, a layer as soon as its parent is there; how many at once is the
 * snapshotter's to say. Every blob is verified to be the layer that the config means, also one whose layer is there already. The
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
      const work = started.get(key) ?? placeLayer(deps, layer, parent, same ?? below, signal);
      started.set(key, work);
      if (same === undefined) chains.set(layer.chainId, work);
      parent = layer.chainId;
    }
  }
  return Array.from(started.values());
}

async function placeLayer(
  deps: UnpackDeps,
  layer: PlannedLayer,
  parent: Digest | undefined,
  before: Promise<void> | undefined,
  signal: AbortSignal,
): Promise<void> {
  await deps.lease.protect({ kind: "snapshot", ref: layer.chainId });
  await before;
  const { watch = unwatched } = deps;
  await watch.available(layer);
  if (deps.snapshots.hasLayer(layer.chainId)) await verifyLayer(deps, layer, signal);
  else await unpackLayer(deps, layer, parent, signal);
  watch.placed(layer);
}

async function unpackLayer(
  { snapshots, content, watch = unwatched }: UnpackDeps,
  layer: PlannedLayer,
  parent: Digest | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { mediaType, size, digest } = layer.descriptor;
  const source = { path: content.pathOf(digest), mediaType, diffId: layer.diffId };
  watch.unpacking(layer, 0);
  await snapshots.unpack(layer.chainId, parent, source, signal);
  watch.unpacking(layer, size);
}

/** The layer is there from another blob: this one must hold the same, or the image would change when it is saved and loaded. */
async function verifyLayer(
  { content, store }: UnpackDeps,
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
