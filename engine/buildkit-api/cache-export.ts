import { Fault, isFault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";
import type { Built } from "#engine/build/built.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { LayerOptions, OutgoingBlob } from "#engine/images/image-export.ts";
import { cacheAnnotations, cacheConfigType, formatCacheConfig } from "#oci/cache-config.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { parseReference } from "#oci/reference.ts";
import { cachePlaceOf } from "./cache-place.ts";
import { contentOf, type PlacedLayer } from "./cache-records.ts";
import { ClientContent } from "./client-content.ts";
import { exportOptions, flagOf } from "./image-attributes.ts";
import type { Job } from "./jobs.ts";
import type { Vertex } from "./progress.ts";
import type { Session } from "./sessions.ts";

/** Where a client wants a cache. */
export interface CacheExport {
  readonly type: "registry" | "local";
  readonly attrs: ReadonlyMap<string, string>;
  readonly isWhole: boolean;
  readonly options: LayerOptions;
  readonly isManifest: boolean;
  readonly ignoresErrors: boolean;
}

export interface CacheExportDeps {
  readonly job: Job;
  readonly session: () => Promise<Session>;
  readonly exchange: () => Promise<ContentExchange>;
}

export interface CacheExports {
  readonly hasInline: boolean;
  readonly others: readonly CacheExport[];
}

type Entry = { readonly type?: string; readonly attrs?: ReadonlyMap<string, string> };

/** @throws {Fault} with BuildKit's texts */
export function parseCacheExports(entries: readonly Entry[]): CacheExports {
  const hasInline = entries.some(({ type }) => type === "inline");
  const others = entries.filter(({ type }) => type !== "inline").map(parseExport);
  return { hasInline, others };
}

function parseExport({ type = "", attrs = new Map() }: Entry): CacheExport {
  if (type !== "registry" && type !== "local")
    throw new Fault("invalid", `unknown cache exporter: ${JSON.stringify(type.slice(0, 100))}`);
  try {
    if (type === "registry") parseReference(attrs.get("ref") ?? "");
    else if ((attrs.get("dest") ?? "") === "")
      throw new Fault("invalid", "local cache exporter requires dest");
    return {
      type,
      attrs,
      isWhole: attrs.get("mode") === "max",
      options: exportOptions(attrs, true),
      isManifest: flagOf(attrs, "image-manifest", true),
      ignoresErrors: findBool(attrs.get("ignore-error") ?? "") === true,
    };
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Fault(error.kind, `failed to configure ${type} cache exporter: ${error.message}`);
  }
}

/**
 * Writes what a build's results are known by, and their layers, to where it can be taken up again. Returns what the client is told.
 *
 * @throws {Fault} unless errors are to be ignored
 */
export async function exportCache(
  deps: CacheExportDeps,
  built: Built,
  wanted: CacheExport,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const place = wanted.type === "registry" ? "registry" : "client directory";
  const vertex = deps.job.progress.vertex(`exporting cache to ${place}`);
  try {
    return await vertex.run(async () => {
      checkForm(wanted);
      if (wanted.type === "registry") await stream(deps, built, wanted, signal);
      const parcel = await pack(vertex, built, wanted, signal);
      await (wanted.type === "registry" ? sendAway : sendHome)(deps, vertex, built, wanted, parcel, signal);
      const { bytes: _, ...descriptor } = parcel.manifest;
      return new Map([["cache.manifest", JSON.stringify(descriptor)]]);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!wanted.ignoresErrors || !isFault(error)) throw error;
    return new Map();
  }
}

/** @throws {Fault} `invalid` */
function checkForm({ isManifest, options: { usesOciTypes } }: CacheExport): void {
  if (isManifest && !usesOciTypes)
    throw new Fault(
      "invalid",
      "invalid configuration for remote cache, OCI mediatypes are required for image-manifest cache format",
    );
}

interface CacheParcel {
  readonly layers: readonly OutgoingBlob[];
  readonly config: Descriptor;
  readonly manifest: Descriptor & { readonly bytes: Buffer };
}

async function pack(
  vertex: Vertex,
  built: Built,
  { isWhole, options, isManifest }: CacheExport,
  signal: AbortSignal,
): Promise<CacheParcel> {
  const { outgoing } = built;
  const { usesOciTypes } = options;
  const preparing = vertex.part("preparing build cache for export");
  const content = contentOf(built, isWhole);
  const blobs: OutgoingBlob[] = [];
  for (const { layer } of content.layers) blobs.push(await outgoing.layer(layer, options, signal));
  const places = content.layers.map(({ parent }, index) => ({ blob: blobs[index]?.digest ?? "", parent }));
  const bytes = Buffer.from(formatCacheConfig({ layers: places, records: content.records }));
  const config = {
    mediaType: cacheConfigType,
    digest: await outgoing.document(bytes, signal),
    size: bytes.length,
  };
  const layers = new Map(
    blobs.map((blob, index) => [blob.digest, described(blob, content.layers[index] as PlacedLayer)]),
  );
  const document = isManifest
    ? {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config,
        layers: Array.from(layers.values()),
      }
    : {
        schemaVersion: 2,
        mediaType: usesOciTypes ? mediaTypes.ociIndex : mediaTypes.dockerManifestList,
        manifests: [...layers.values(), config],
      };
  const text = Buffer.from(JSON.stringify(document));
  const digest = await outgoing.document(text, signal);
  preparing.done();
  const manifest = { mediaType: document.mediaType, digest, size: text.length, bytes: text };
  return { layers: blobs, config, manifest };
}

function described({ mediaType, digest, size }: OutgoingBlob, { layer, created }: PlacedLayer): Descriptor {
  const annotations = {
    ...(created !== undefined && { [cacheAnnotations.created]: created }),
    [cacheAnnotations.diffId]: layer.diffId,
  };
  return { mediaType, digest, size, annotations };
}

/** Layers that have not been compressed yet go as they are compressed. */
async function stream(
  deps: CacheExportDeps,
  built: Built,
  wanted: CacheExport,
  signal: AbortSignal,
): Promise<void> {
  const layers = contentOf(built, wanted.isWhole).layers.map(({ layer }) => layer);
  const pending = await built.outgoing.pending(layers, wanted.options);
  if (pending.length === 0) return;
  try {
    await (await deps.exchange()).stream(cachePlaceOf(await deps.session(), wanted.attrs), pending, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    throw new Fault(error.kind, `error writing layer blob: ${error.message}`, { cause: error });
  }
}

async function sendAway(
  deps: CacheExportDeps,
  vertex: Vertex,
  _built: Built,
  wanted: CacheExport,
  { layers, config, manifest }: CacheParcel,
  signal: AbortSignal,
): Promise<void> {
  const place = cachePlaceOf(await deps.session(), wanted.attrs);
  const what = manifestName(wanted.isManifest);
  const parts: ReturnType<Vertex["part"]>[] = [];
  const watch = {
    blob: ({ digest }: OutgoingBlob) =>
      vertex.part(`writing ${digest === config.digest ? "config" : "layer"} ${digest}`).done,
    last: () => void parts.push(vertex.part(`writing ${what} ${manifest.digest}`)),
  };
  try {
    const exchange = await deps.exchange();
    await exchange.send(place, { blobs: [...layers, config], manifest }, watch, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    const failed = parts.length === 0 ? "layer blob" : "manifest blob";
    throw new Fault(error.kind, `error writing ${failed}: ${error.message}`, { cause: error });
  }
  for (const part of parts) part.done();
}

async function sendHome(
  { session }: CacheExportDeps,
  vertex: Vertex,
  { outgoing }: Built,
  { attrs, isManifest }: CacheExport,
  { layers, config, manifest }: CacheParcel,
  signal: AbortSignal,
): Promise<void> {
  const content = new ClientContent(await session(), `local:${attrs.get("dest") ?? ""}`);
  const write = async (what: string, blob: OutgoingBlob) => {
    const writing = vertex.part(`writing ${what} ${blob.digest}`);
    if (!(await content.has(blob, signal))) {
      await outgoing.ensure(blob, signal);
      await content.write(blob, (offset) => outgoing.read(blob.digest, offset), signal);
    }
    writing.done();
  };
  const unique = new Map(layers.map((layer) => [layer.digest, layer]));
  for (const layer of unique.values()) await write("layer", layer);
  await write("config", config);
  await write(manifestName(isManifest), manifest);
}

function manifestName(isManifest: boolean): string {
  return isManifest ? "cache image manifest" : "cache manifest";
}
