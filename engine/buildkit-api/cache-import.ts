import { Fault, isFault } from "#base/fault.ts";
import { CacheSource } from "#engine/build/cache-source.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { CacheRecordEntry } from "#oci/cache-config.ts";
import {
  cacheAnnotations,
  cacheConfigType,
  inlineCacheField,
  parseCacheConfig,
  parseInlineCache,
} from "#oci/cache-config.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { isDigest } from "#oci/digest.ts";
import type { Manifest } from "#oci/manifest.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { type Platform, selectPlatform } from "#oci/platform.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import type { CacheEntry } from "./attributes.ts";
import { type Blobs, openLayout, readDocument } from "./client-layout.ts";
import { cachePlaceOf } from "./cache-place.ts";
import type { Progress, Vertex } from "./progress.ts";
import type { Session } from "./sessions.ts";

export interface CacheImportDeps {
  readonly session: Session;
  readonly exchange: () => Promise<ContentExchange>;
  readonly progress: Progress;
  readonly platform: Platform;
  /** An image that is here. */
  readonly findImage: (name: string) => ImageRecord | undefined;
  readonly configOf: (image: ImageRecord) => Promise<Buffer>;
}

/**
 * Reads what a cache has, and nothing of its layers yet. Undefined when there is nothing to be had: progress tells why, and the build
 * goes on without.
 *
 * @param opened what is to be disposed of after the build
 */
export async function importCache(
  deps: CacheImportDeps,
  entry: CacheEntry,
  opened: (connection: Disposable) => void,
  signal: AbortSignal,
): Promise<CacheSource | undefined> {
  const vertex = deps.progress.vertex(`importing cache manifest from ${entry.id}`).start();
  try {
    const source =
      (await localSource(deps, entry)) ?? (await remoteSource(deps, entry, vertex, opened, signal));
    vertex.done();
    return source;
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    const isUnknown = error.message.startsWith("unknown cache importer");
    const about = isUnknown ? "" : `failed to configure ${entry.type} cache importer: `;
    vertex.failed(new Fault(error.kind, `${about}${error.message}`));
    return undefined;
  }
}

/** An image that is here is not asked for anywhere else. */
async function localSource(
  { findImage, configOf }: CacheImportDeps,
  { type, attrs }: CacheEntry,
): Promise<CacheSource | undefined> {
  const image = type === "registry" ? findImage(attrs.get("ref") ?? "") : undefined;
  if (image === undefined) return undefined;
  return inlineOf(await configOf(image), image, nothing);
}

/** Its layers are here. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

async function remoteSource(
  deps: CacheImportDeps,
  entry: CacheEntry,
  vertex: Vertex,
  opened: (connection: Disposable) => void,
  signal: AbortSignal,
): Promise<CacheSource> {
  const blobs = await openBlobs(deps, entry, opened, signal);
  vertex.part(`inferred cache manifest type: ${blobs.descriptor.mediaType}`).done();
  return await sourceOf(blobs, deps.platform, signal);
}

async function openBlobs(
  { session, exchange }: CacheImportDeps,
  { type, attrs }: CacheEntry,
  opened: (connection: Disposable) => void,
  signal: AbortSignal,
): Promise<Blobs> {
  if (type === "registry") {
    const content = await (await exchange()).open(cachePlaceOf(session, attrs), signal);
    opened(content);
    return content;
  }
  if (type === "local") return await openFolder(session, attrs, signal);
  throw new Fault("not-found", `unknown cache importer: ${type.slice(0, 100)}`);
}

async function openFolder(session: Session, attrs: CacheEntry["attrs"], signal: AbortSignal): Promise<Blobs> {
  const digest = attrs.get("digest") ?? "";
  if (!isDigest(digest)) throw new Fault("invalid", "local cache importer requires explicit digest");
  return await openLayout(session, `local:${attrs.get("src") ?? ""}`, digest, signal);
}

async function sourceOf(blobs: Blobs, platform: Platform, signal: AbortSignal): Promise<CacheSource> {
  const { document: root, blob } = blobs;
  const isConfig = ({ mediaType }: Descriptor) => mediaType === cacheConfigType;
  const read = (descriptor: Descriptor) => readDocument(blob(descriptor, 0, signal), descriptor.digest);
  if (root.kind === "index") {
    const config = root.manifests.find(isConfig);
    if (config !== undefined) return cacheOf(await read(config), root.manifests, blob);
    const chosen = selectPlatform(root.manifests, platform);
    const manifest = chosen && (await blobs.documentOf(chosen, signal));
    if (manifest?.kind !== "manifest") return new CacheSource({ records: [], layers: [], read: blob });
    return inlineOf(await read(manifest.config), manifest, blob);
  }
  const config = await read(root.config);
  return isConfig(root.config) ? cacheOf(config, root.layers, blob) : inlineOf(config, root, blob);
}

/** Layers whose descriptors do not say what they hold are none. */
function cacheOf(bytes: Buffer, descriptors: readonly Descriptor[], read: Blobs["blob"]): CacheSource {
  const { layers, records } = parseCacheConfig(bytes);
  const byDigest = new Map<string, Descriptor>(
    descriptors.map((descriptor) => [descriptor.digest, descriptor]),
  );
  const known = layers.map(({ blob, parent }) => {
    const descriptor = byDigest.get(blob);
    const diffId = descriptor?.annotations?.[cacheAnnotations.diffId] ?? "";
    return descriptor === undefined || !isDigest(diffId) ? undefined : { descriptor, diffId, parent };
  });
  return new CacheSource({ records, layers: known, read });
}

function inlineOf(bytes: Buffer, { layers }: Pick<Manifest, "layers">, read: Blobs["blob"]): CacheSource {
  const { diff_ids: diffIds } = parseImageConfig(bytes).rootfs;
  const known = layers.map((descriptor, index) => {
    const diffId = diffIds[index] ?? "";
    return isDigest(diffId) ? { descriptor, diffId, parent: index - 1 } : undefined;
  });
  return new CacheSource({ records: inlineRecords(bytes), layers: known, read });
}

/** Of an image's config; none in most. @throws {Fault} `invalid` */
function inlineRecords(config: Buffer): readonly CacheRecordEntry[] {
  const json = parseStrictJson(config, "image config") as Readonly<Record<string, unknown>>;
  const text = json[inlineCacheField];
  return typeof text === "string" ? parseInlineCache(text) : [];
}
