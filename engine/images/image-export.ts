import { constants, createZstdCompress } from "node:zlib";
import { pipeline } from "node:stream";
import type { Descriptor } from "#oci/descriptor.ts";
import type { Digest } from "#oci/digest.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import type { Lease } from "#engine/gc/leases.ts";
import { claimOf, storeBlob } from "./archive-index.ts";
import { gzipped } from "./gzip.ts";
import type { BuiltLayer } from "./image-workshop.ts";

export type LayerCompression = "gzip" | "zstd" | "uncompressed";

/** How layers are to look where they go. */
export interface LayerOptions {
  /** What plain layers become. */
  readonly compression: LayerCompression;
  readonly level?: number;
  /** Layers that are compressed in another way change, too. */
  readonly isForced: boolean;
  /** Media types of the OCI, or else Docker's as far as it has them. */
  readonly usesOciTypes: boolean;
}

/** How an image is to look where it goes. */
export interface ExportOptions extends LayerOptions {
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the manifest's descriptor. */
  readonly descriptorAnnotations: Readonly<Record<string, string>>;
}

/** A blob that goes out. One that is known, and not here, is made when it turns out that somebody needs it. */
export interface OutgoingBlob extends Descriptor {
  readonly make?: (signal: AbortSignal) => Promise<void>;
}

export interface ExportedImage {
  readonly id: Digest;
  readonly descriptor: Descriptor;
  /** The manifest. */
  readonly bytes: Buffer;
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly OutgoingBlob[];
}

interface ExportDeps {
  readonly content: ContentStore;
  readonly lease: Lease;
  readonly memory: CompressionMemory;
}

const maxRemembered = 10_000;

/**
 * What layers have been compressed to: the same layer always gives the same bytes, so that a registry can be asked for them before
 * they are made again. For as long as the engine runs.
 */
export class CompressionMemory {
  readonly #known = new Map<string, Pick<Descriptor, "digest" | "size">>();

  find(key: string): Pick<Descriptor, "digest" | "size"> | undefined {
    return this.#known.get(key);
  }

  keep(key: string, { digest, size }: Pick<Descriptor, "digest" | "size">): void {
    this.#known.set(key, { digest, size });
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxRemembered) break;
      this.#known.delete(oldest);
    }
  }
}

/**
 * Writes manifest and config of an image that looks as the options say, and its layers where they change. The lease holds all of it.
 *
 * @throws {Fault} `exhausted` for a full disk
 */
export async function exportImage(
  deps: ExportDeps,
  configBytes: Uint8Array,
  layers: readonly BuiltLayer[],
  options: ExportOptions,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const outgoing: OutgoingBlob[] = [];
  for (const layer of layers) outgoing.push(await exportLayer(deps, layer, options, signal));
  const { usesOciTypes, annotations, descriptorAnnotations } = options;
  const id = await storeBlob(deps, configBytes, signal);
  const configDescriptor = {
    mediaType: usesOciTypes ? mediaTypes.ociConfig : mediaTypes.dockerConfig,
    digest: id,
    size: configBytes.length,
  };
  const mediaType = usesOciTypes ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const hasAnnotations = Object.keys(annotations).length > 0;
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      config: configDescriptor,
      layers: outgoing.map(({ mediaType: type, digest, size }) => ({ mediaType: type, digest, size })),
      ...(hasAnnotations && { annotations }),
    }),
  );
  const digest = await storeBlob(deps, bytes, signal);
  const { os, architecture, variant } = parseImageConfig(configBytes);
  const descriptor = {
    mediaType,
    digest,
    size: bytes.length,
    platform: { os, architecture, ...(variant !== undefined && variant !== "" && { variant }) },
    ...(Object.keys(descriptorAnnotations).length > 0 && { annotations: descriptorAnnotations }),
  };
  return {
    id,
    descriptor,
    bytes,
    config: configDescriptor,
    layers: outgoing,
  };
}

const compressions: ReadonlyMap<string, LayerCompression> = new Map([
  [mediaTypes.ociLayer, "uncompressed"],
  ["application/vnd.docker.image.rootfs.diff.tar", "uncompressed"],
  [mediaTypes.ociLayerGzip, "gzip"],
  [mediaTypes.dockerLayerGzip, "gzip"],
  [mediaTypes.ociLayerZstd, "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
]);

const typesOf = {
  uncompressed: [mediaTypes.ociLayer, "application/vnd.docker.image.rootfs.diff.tar"],
  gzip: [mediaTypes.ociLayerGzip, mediaTypes.dockerLayerGzip],
  zstd: [mediaTypes.ociLayerZstd, "application/vnd.docker.image.rootfs.diff.tar.zstd"],
} as const satisfies Record<LayerCompression, readonly [oci: string, docker: string]>;

/** The layer as it is to look. */
export async function exportLayer(
  deps: ExportDeps,
  layer: BuiltLayer,
  options: LayerOptions,
  signal: AbortSignal,
): Promise<OutgoingBlob> {
  const { compression: wanted, level, isForced, usesOciTypes } = options;
  const compression = compressions.get(layer.mediaType);
  const stays =
    compression === undefined || compression === wanted || (compression !== "uncompressed" && !isForced);
  if (stays) {
    const mediaType =
      compression === undefined ? layer.mediaType : typesOf[compression][usesOciTypes ? 0 : 1];
    return { mediaType, digest: layer.digest, size: layer.size };
  }
  const mediaType = typesOf[wanted][usesOciTypes ? 0 : 1];
  const key = keyOf(layer.digest, wanted, level);
  const make = async (until: AbortSignal) => {
    const plain = plainOf(await deps.content.open(layer.digest), compression);
    const blob = await deps.content.ingest(
      compressed(plain, wanted, level),
      { claim: claimOf(deps.lease) },
      until,
    );
    deps.memory.keep(key, blob);
    return blob;
  };
  const known = deps.memory.find(key);
  if (known === undefined) return { mediaType, ...(await make(signal)) };
  await deps.lease.protect({ kind: "blob", ref: known.digest });
  return { mediaType, ...known, make: async (until) => void (await make(until)) };
}

/** A plain layer that nobody has compressed yet in the way that is wanted. */
export interface PendingLayer {
  open(): Promise<AsyncIterable<Uint8Array>>;
  compress(plain: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** From here on it is known what the layer becomes. */
  became(blob: Pick<Descriptor, "digest" | "size">): void;
}

/** Of the layers, each once. They can be compressed where they are sent, and need not be written down here. */
export function pendingLayers(
  { content, memory }: Pick<ExportDeps, "content" | "memory">,
  layers: readonly BuiltLayer[],
  { compression, level }: LayerOptions,
): readonly PendingLayer[] {
  const plain = layers.filter(({ mediaType }) => compressions.get(mediaType) === "uncompressed");
  if (compression === "uncompressed") return [];
  const unknown = [...new Set(plain.map(({ digest }) => digest))].filter(
    (digest) => memory.find(keyOf(digest, compression, level)) === undefined,
  );
  return unknown.map((digest) => ({
    open: () => content.open(digest),
    compress: (source) => compressed(source, compression, level),
    became: (blob) => memory.keep(keyOf(digest, compression, level), blob),
  }));
}

function keyOf(digest: Digest, compression: LayerCompression, level: number | undefined): string {
  return `${digest} ${compression} ${level ?? ""}`;
}

async function* plainOf(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
): AsyncGenerator<Uint8Array> {
  if (compression === "uncompressed") return yield* source;
  const { decompressed } = await import("./decompress.ts");
  yield* decompressed(source);
}

function compressed(
  source: AsyncIterable<Uint8Array>,
  compression: LayerCompression,
  level: number | undefined,
): AsyncIterable<Uint8Array> {
  if (compression === "uncompressed") return source;
  if (compression === "gzip") return gzipped(source, level);
  const params = { [constants.ZSTD_c_compressionLevel]: level ?? 3 };
  const stream = createZstdCompress({ params });
  pipeline(source, stream, () => {}); // a failure destroys the stream, which its reader meets
  return stream;
}
