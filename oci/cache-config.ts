import { Fault } from "#base/fault.ts";
import { asArray, asObject, asString, isAbsent, type JsonObject, optionalString } from "./shape.ts";
import { MAX_DOCUMENT_BYTES, parseStrictJson } from "./strict-json.ts";

export const cacheConfigType = "application/vnd.buildkit.cacheconfig.v0";

/** Of a layer's descriptor: its diff ID, and when it was made. */
export const cacheAnnotations = {
  diffId: "containerd.io/uncompressed",
  created: "buildkit/createdat",
} as const;

/** The field of an image's config in which records of its own layers stand, as base64. */
export const inlineCacheField = "moby.buildkit.cache.v0";

/** When a result without files was made. BuildKit has no field for that, and skips ours. */
const createdField = "dev.gantry.createdAt";

/** Layers by their blobs, each on top of another one, or of nothing. */
export interface CacheLayer {
  readonly blob: string;
  /** Index of the layer below; -1 for none. */
  readonly parent: number;
}

/** The result of an operation by the operation's digest. */
export interface CacheRecordEntry {
  readonly digest: string;
  /** Index of the layer that it ends with; undefined when there are no files. */
  readonly layer?: number;
  /** RFC 3339. */
  readonly created?: string;
}

export interface CacheConfig {
  readonly layers: readonly CacheLayer[];
  readonly records: readonly CacheRecordEntry[];
}

const maxLayers = 10_000;
const maxRecords = 100_000;

/**
 * What of a cache of BuildKit's format can be used here: records that say all about their operation by its digest, as those of this
 * engine do. BuildKit's own, which are known by their inputs, are read and never asked for.
 *
 * @throws {Fault} `invalid` for what is no such document
 * @see github.com/moby/buildkit, cache/remotecache/v1/spec.go, doc.go
 */
export function parseCacheConfig(bytes: Uint8Array): CacheConfig {
  const json = asObject(parseStrictJson(bytes, "cache config"), "cache config");
  const layers = asArray(json["layers"] ?? [], "cache layers", maxLayers).map((value, index) => {
    const layer = asObject(value, "cache layer");
    // Go leaves 0 out.
    return { blob: asString(layer["blob"], "cache layer"), parent: parentOf(layer["parent"] ?? 0, index) };
  });
  return { layers, records: recordsOf(json["records"]) };
}

/** Records of an image's config, whose layers are those of the image. @throws {Fault} `invalid` */
export function parseInlineCache(text: string): readonly CacheRecordEntry[] {
  if (text.length > 2 * MAX_DOCUMENT_BYTES) throw new Fault("invalid", "invalid inline cache: too large");
  return recordsOf(parseStrictJson(bytesOf(text), "inline cache"));
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(base64);
  } catch (error) {
    throw new Fault("invalid", "invalid inline cache: not base64", { cause: error });
  }
}

function parentOf(value: unknown, own: number): number {
  const isSound = typeof value === "number" && Number.isSafeInteger(value) && value >= -1 && value !== own;
  if (!isSound) throw new Fault("invalid", "invalid cache layer: what it is on top of makes no sense");
  return value;
}

function recordsOf(value: unknown): readonly CacheRecordEntry[] {
  return asArray(value ?? [], "cache records", maxRecords).map((entry) => {
    const record = asObject(entry, "cache record");
    return { digest: asString(record["digest"] ?? "", "cache record"), ...resultOf(record) };
  });
}

function resultOf(record: JsonObject): Omit<CacheRecordEntry, "digest"> {
  const results = isAbsent(record["layers"]) ? [] : asArray(record["layers"], "cache results", maxLayers);
  const own = optionalString(record[createdField], "cache record");
  const [first] = results;
  if (first === undefined) return own === undefined ? {} : { created: own };
  const result = asObject(first, "cache result");
  const layer = result["layer"] ?? 0;
  if (typeof layer !== "number" || !Number.isSafeInteger(layer) || layer < 0)
    throw new Fault("invalid", "invalid cache result: no layer");
  const created = own ?? optionalString(result["createdAt"], "cache result");
  return { layer, ...(created !== undefined && { created }) };
}

export function formatCacheConfig({ layers, records }: CacheConfig): string {
  return JSON.stringify({ layers, records: records.map(formatRecord) });
}

export function formatInlineCache(records: readonly CacheRecordEntry[]): string {
  return new TextEncoder().encode(JSON.stringify(records.map(formatRecord))).toBase64();
}

function formatRecord({ digest, layer, created }: CacheRecordEntry): object {
  if (layer === undefined) return { digest, ...(created !== undefined && { [createdField]: created }) };
  return { digest, layers: [{ layer, ...(created !== undefined && { createdAt: created }) }] };
}
