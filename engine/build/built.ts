import type { Lease } from "#engine/gc/leases.ts";
import type {
  ExportedImage,
  ExportOptions,
  LayerOptions,
  OutgoingBlob,
  PendingLayer,
} from "#engine/images/image-export.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { Digest } from "#oci/digest.ts";
import type { Reference } from "#oci/reference.ts";
import type { BuildContext } from "./build-deps.ts";
import type { StepResult } from "./cache-source.ts";
import { packLayers } from "./sources.ts";
import { imageConfigOf, type StageState } from "./stage-state.ts";

/** What a build came to, held until it is disposed of. */
export interface Built extends AsyncDisposable {
  readonly state: StageState;
  /** Of all its stages, in the order in which they came to be. */
  readonly results: readonly StepResult[];
  /** An archive of its file system. */
  files(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** The image as it is to look elsewhere, without making it visible. */
  export(options: ExportOptions, signal: AbortSignal): Promise<ExportedImage>;
  /** Makes it an image with these names, and returns its ID. */
  commit(names: readonly Reference[], signal: AbortSignal): Promise<Digest>;
  /** The same, whose image tells in its config how its layers came to be. To be used while this is held. */
  withInlineCache(records: string): Built;
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
  readonly lease: Lease;
}

/** @param dispose lets it go */
export function builtOf(parts: Parts, dispose: () => Promise<void>): Built {
  const { context, state, results, lease } = parts;
  const { workshop } = context;
  return {
    state,
    results,
    files: (until) => packLayers(context, state.layers, until),
    export: (options, until) =>
      workshop.export(state.id ?? imageConfigOf(state), state.layers, options, lease, until),
    commit: (names, until) =>
      state.id === undefined
        ? workshop.finish(imageConfigOf(state), state.layers, names, lease, until)
        : workshop.name(state.id, names),
    withInlineCache: (records) => builtOf({ ...parts, state: withRecords(state, records) }, async () => {}),
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
