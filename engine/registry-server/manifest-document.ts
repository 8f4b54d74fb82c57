import { rejectLookalikes } from "#oci/descriptor.ts";
import { isIndexType, isManifestType, mediaTypes } from "#oci/media-types.ts";
import {
  asArray,
  asObject,
  asString,
  isAbsent,
  type JsonObject,
  optionalString,
  optionalStringMap,
} from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import { isFault } from "#base/fault.ts";
import { type ContentDigest, findContentDigest } from "./names.ts";
import { refusal } from "./refusal.ts";

/** What a registry has to know about a manifest or an index that it keeps byte for byte. */
export interface ManifestDocument {
  readonly mediaType: string;
  /** Blobs that must be in the repository. */
  readonly blobs: readonly ContentDigest[];
  /** Manifests that must be in the repository. */
  readonly manifests: readonly Child[];
  /** What it is about; may be absent from the repository. */
  readonly subject?: ContentDigest;
  /** As the list of referrers shows it: its own, or the media type of its config. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Child {
  readonly digest: ContentDigest;
  readonly mediaType: string;
  /** `os/architecture` */
  readonly platform?: string;
}

const MAX_ENTRIES = 10_000;

const fields: readonly string[] = [
  "schemaVersion",
  "mediaType",
  "config",
  "layers",
  "manifests",
  "subject",
  "artifactType",
  "annotations",
];

/**
 * Reads a document that is pushed as `contentType`; an empty one is one that the client did not name.
 *
 * @throws {Fault} `MANIFEST_INVALID` for one that is of no known kind, could be read in two ways, or contradicts its media type
 * @see OCI image-spec v1.1.1, manifest.md and image-index.md; Docker image manifest v2 schema 2
 */
export function parseManifestDocument(bytes: Uint8Array, contentType: string): ManifestDocument {
  try {
    return parse(bytes, contentType);
  } catch (error) {
    if (isFault(error) && error.detail["code"] === undefined)
      throw refusal("MANIFEST_INVALID", `manifest invalid: ${error.message}`);
    throw error;
  }
}

function parse(bytes: Uint8Array, contentType: string): ManifestDocument {
  const document = asObject(parseStrictJson(bytes, "manifest"), "manifest");
  rejectLookalikes(document, fields, "manifest");
  if (document["schemaVersion"] !== 2) throw invalid("its schemaVersion is not 2");
  const hasLayers = !isAbsent(document["layers"]) || !isAbsent(document["config"]);
  const hasManifests = !isAbsent(document["manifests"]);
  if (hasLayers && hasManifests) throw invalid("it has both layers and manifests");
  const mediaType = mediaTypeOf(document, contentType);
  const isIndex = isIndexType(mediaType);
  if (isIndex ? hasLayers : hasManifests) throw invalid(`it is not a ${mediaType}`);
  const subject = document["subject"];
  const annotations = optionalStringMap(document["annotations"], "annotations");
  const artifactType =
    optionalString(document["artifactType"], "artifactType") || configTypeOf(document, isIndex);
  return {
    mediaType,
    blobs: isIndex ? [] : blobsOf(document),
    manifests: isIndex ? childrenOf(document) : [],
    ...(!isAbsent(subject) && { subject: descriptorOf(subject, "subject").digest }),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  };
}

function mediaTypeOf(document: JsonObject, contentType: string): string {
  const own = optionalString(document["mediaType"], "mediaType") ?? "";
  if (own !== "" && contentType !== "" && own !== contentType)
    throw invalid(`it says it is ${own.slice(0, 200)}, the request says ${contentType.slice(0, 200)}`);
  const guessed = isAbsent(document["manifests"]) ? mediaTypes.ociManifest : mediaTypes.ociIndex;
  const mediaType = own || contentType || guessed;
  if (!isIndexType(mediaType) && !isManifestType(mediaType))
    throw invalid(`unsupported media type ${mediaType.slice(0, 200)}`);
  return mediaType;
}

function configTypeOf(document: JsonObject, isIndex: boolean): string | undefined {
  return isIndex ? undefined : descriptorOf(document["config"], "config").mediaType;
}

/** Foreign layers are kept elsewhere. */
function blobsOf(document: JsonObject): readonly ContentDigest[] {
  const layers = asArray(document["layers"] ?? [], "layers", MAX_ENTRIES)
    .map((layer, index) => asObject(layer, `layers[${index}]`))
    .filter(({ urls }) => !(Array.isArray(urls) && urls.length > 0))
    .map((layer, index) => descriptorOf(layer, `layers[${index}]`).digest);
  return [...new Set([descriptorOf(document["config"], "config").digest, ...layers])];
}

function childrenOf(document: JsonObject): readonly Child[] {
  return asArray(document["manifests"] ?? [], "manifests", MAX_ENTRIES).map((entry, index) => {
    const { digest, mediaType, object } = descriptorOf(entry, `manifests[${index}]`);
    const platform = isAbsent(object["platform"]) ? {} : asObject(object["platform"], "platform");
    const { os, architecture } = platform;
    return {
      digest,
      mediaType,
      ...(typeof os === "string" &&
        typeof architecture === "string" && { platform: `${os}/${architecture}` }),
    };
  });
}

function descriptorOf(value: unknown, what: string) {
  const object = asObject(value, what);
  const digest = findContentDigest(asString(object["digest"], `${what}.digest`));
  if (digest === undefined) throw invalid(`${what}.digest is not a digest`);
  const { size } = object;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${what}.size is not a size`);
  return { object, digest, mediaType: optionalString(object["mediaType"], `${what}.mediaType`) ?? "" };
}

function invalid(why: string) {
  return refusal("MANIFEST_INVALID", `manifest invalid: ${why}`);
}
