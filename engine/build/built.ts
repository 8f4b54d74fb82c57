import type { Lease } from "#engine/gc/leases.ts";
import type {
  ExportedImage,
  ExportOptions,
  LayerOptions,
  OutgoingBlob,
  PendingLayer,
} from "#engine/images/image-export.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import { layerTar } from "#engine/sbom/layer-tar.ts";
import type { Digest } from "#oci/digest.ts";
import type { Platform } from "#oci/platform.ts";
import type { Reference } from "#oci/reference.ts";
import { clampedEntry, rewrittenTar } from "#oci/tar/rewrite.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import type { BuildContext } from "./build-deps.ts";
import type { StepResult } from "./cache-source.ts";
import { packLayers } from "./sources.ts";
import { imageConfigOf, type StageState } from "./stage-state.ts";

/** An image that a build begins with, or copies from. */
export interface BaseImage {
  /** As the build names it. */
  readonly name: string;
  readonly platform: Platform;
  /** Of its manifest. */
  readonly digest: Digest;
  readonly layers: readonly BuiltLayer[];
}

/** What a build came to, held until it is disposed of. */
export interface Built extends AsyncDisposable {
  readonly state: StageState;
  /** Of all its stages, in the order in which they came to be. */
  readonly results: readonly StepResult[];
  readonly bases: readonly BaseImage[];
  /** What SOURCE_DATE_EPOCH says. */
  readonly epoch: number | undefined;
  /** An archive of its file system. */
  files(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The image as it is to look elsewhere, without making it visible. */
  export(options: ExportOptions, signal: AbortSignal): Promise<ExportedImage>;
  /** Makes it an image with these names, and returns its ID. */
  commit(names: readonly Reference[], signal: AbortSignal): Promise<Digest>;
  /** The same, whose image tells in its config how its layers came to be. To be used while this is held. */
  withInlineCache(records: string): Built;
  /**
   * The same, in whose layers nothing is newer than `epoch`, in seconds since 1970; layers of its base stay. To be used while this is held.
   *
   * @throws {Fault} `exhausted` for a full disk
   */
  rewritten(epoch: number, signal: AbortSignal): Promise<Built>;
  /** Plain archives of its layers, base first. */
  layerTars(): Iterable<AsyncIterable<Uint8Array>>;
  /** Blobs for elsewhere. */
  readonly outgoing: Outgoing;
}

export interface Outgoing {
  layer(layer: BuiltLayer, options: LayerOptions, signal: AbortSignal): Promise<OutgoingBlob>;
  /** Those that are not known yet in the form that is wanted. */
  pending(layers: readonly BuiltLayer[], options: LayerOptions): Promise<readonly PendingLayer[]>;
  /** Returns its digest. */
  document(bytes: Uint8Array, signal: AbortSignal): Promise<Digest>;
  /** Makes it, where that has not been necessary yet. */
  ensure(blob: OutgoingBlob, signal: AbortSignal): Promise<void>;
  read(digest: Digest, offset: number): AsyncIterable<Uint8Array>;
}

interface Parts {
  readonly context: BuildContext;
  readonly state: StageState;
  readonly results: readonly StepResult[];
  readonly bases: readonly BaseImage[];
  readonly epoch: number | undefined;
  readonly lease: Lease;
}

/** @param dispose lets it go */
export function builtOf(parts: Parts, dispose: () => Promise<void>): Built {
  const { context, state, results, bases, epoch, lease } = parts;
  const { workshop } = context;
  return {
    state,
    results,
    bases,
    epoch,
    files: (until) => packLayers(context, state.layers, until),
    export: (options, until) =>
      workshop.export(state.id ?? imageConfigOf(state), state.layers, options, lease, until),
    commit: (names, until) =>
      state.id === undefined
        ? workshop.finish(imageConfigOf(state), state.layers, names, lease, until)
        : workshop.name(state.id, names),
    withInlineCache: (records) => builtOf({ ...parts, state: withRecords(state, records) }, async () => {}),
    rewritten: async (limit, until) =>
      builtOf({ ...parts, state: await withTimes(parts, limit, until) }, async () => {}),
    layerTars: () => state.layers.map(({ digest }) => layerTar(workshop.blobFrom(digest, 0))),
    outgoing: {
      layer: (layer, options, until) => workshop.exportLayer(layer, options, lease, until),
      pending: (layers, options) => workshop.pendingLayers(layers, options, lease),
      document: (bytes, until) => workshop.keepDocument(bytes, lease, until),
      ensure: (blob, until) => workshop.ensureBlob(blob, until),
      read: (digest, offset) => workshop.blobFrom(digest, offset),
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function withRecords(state: StageState, records: string): StageState {
  const { id: _base, ...rest } = state;
  return { ...rest, image: { ...state.image, "moby.buildkit.cache.v0": records } };
}

/** Layers that a base image has are as they are there. */
async function withTimes(
  { context, state, bases, lease }: Parts,
  epoch: number,
  signal: AbortSignal,
): Promise<StageState> {
  const { workshop } = context;
  const kept = Math.max(0, ...bases.map(({ layers }) => shared(layers, state.layers)));
  const layers = state.layers.slice(0, kept);
  for (const layer of state.layers.slice(kept)) {
    const source = clamped(layerTar(workshop.blobFrom(layer.digest, 0)), epoch);
    layers.push((await workshop.addLayer(layers.at(-1)?.chainId, source, lease, signal)) ?? layer);
  }
  if (layers.every(({ chainId }, index) => chainId === state.layers[index]?.chainId)) return state;
  const { id: _, ...rest } = state;
  return { ...rest, layers };
}

/** How many layers of the base the image begins with: all of them, or none. */
function shared(base: readonly BuiltLayer[], layers: readonly BuiltLayer[]): number {
  return base.every(({ chainId }, index) => chainId === layers[index]?.chainId) ? base.length : 0;
}

async function* clamped(source: AsyncIterable<Uint8Array>, epoch: number): AsyncGenerator<Uint8Array> {
  yield* rewrittenTar(source, (entry) => clampedEntry(entry, epoch));
  yield tarEnd;
}
