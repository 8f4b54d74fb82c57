import { Fault } from "#base/fault.ts";
import { type Descriptor, parseDescriptor, rejectLookalikes } from "./descriptor.ts";
import { isIndexType, isManifestType, mediaTypes } from "./media-types.ts";
import { asArray, asObject, isAbsent, type JsonObject, optionalString, optionalStringMap } from "./shape.ts";
import { parseStrictJson } from "./strict-json.ts";

/** @see OCI image-spec v1.1.1, manifest.md; Docker image manifest v2 schema 2 */
export interface Manifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Base first. */
  readonly layers: readonly Descriptor[];
  /** What an artifact is. */
  readonly artifactType?: string;
  /** What an artifact is about. */
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** @see OCI image-spec v1.1.1, image-index.md; Docker manifest list v2 */
export interface Index {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** overlayfs stacks 500 lower folders; Docker stops at 127 layers. The list itself may be longer without harm. */
const MAX_LAYERS = 1000;
const MAX_MANIFESTS = 1000;

const fields: readonly string[] = [
  "schemaVersion",
  "mediaType",
  "config",
  "layers",
  "manifests",
  "annotations",
  "artifactType",
  "subject",
];

/**
 * Parses a manifest or an index. `expected` is the media type by which it was referred to, where there is one; the document
 * must agree.
 *
 * @throws {Fault} `invalid` for a document that could be read in two ways (both `layers` and `manifests`, keys twice, a media type
 *   that contradicts the content), for schema 1, and for one that is too large, long or deep.
 */
export function parseManifestOrIndex(bytes: Uint8Array, expected?: string): Manifest | Index {
  const document = asObject(parseStrictJson(bytes, "manifest"), "manifest");
  rejectLookalikes(document, fields, "manifest");
  if (document["schemaVersion"] !== 2)
    throw new Fault(
      "invalid",
      `unsupported manifest schema version ${JSON.stringify(document["schemaVersion"])?.slice(0, 20)}`,
    );
  const hasLayers = Object.hasOwn(document, "layers") || Object.hasOwn(document, "config");
  const hasManifests = Object.hasOwn(document, "manifests");
  if (hasLayers && hasManifests)
    throw new Fault("invalid", "ambiguous manifest: it has both layers and manifests");
  if (!hasLayers && !hasManifests)
    throw new Fault("invalid", "invalid manifest: it has neither layers nor manifests");
  const mediaType = mediaTypeOf(document, expected, hasManifests);
  return hasManifests ? indexOf(document, mediaType) : manifestOf(document, mediaType);
}

/** @throws {Fault} `invalid`, also for an index. @see {@link parseManifestOrIndex} */
export function parseManifest(bytes: Uint8Array, expected?: string): Manifest {
  const parsed = parseManifestOrIndex(bytes, expected);
  if (parsed.kind !== "manifest") throw new Fault("invalid", "expected an image manifest, got an index");
  return parsed;
}

/** @throws {Fault} `invalid`, also for a manifest. @see {@link parseManifestOrIndex} */
export function parseIndex(bytes: Uint8Array, expected?: string): Index {
  const parsed = parseManifestOrIndex(bytes, expected);
  if (parsed.kind !== "index") throw new Fault("invalid", "expected an image index, got a manifest");
  return parsed;
}

function mediaTypeOf(document: JsonObject, expected: string | undefined, isIndex: boolean): string {
  const own = optionalString(document["mediaType"], "manifest.mediaType") ?? "";
  const asked = expected ?? "";
  if (own !== "" && asked !== "" && own !== asked)
    throw new Fault(
      "invalid",
      `manifest says it is ${own.slice(0, 100)}, its descriptor says ${asked.slice(0, 100)}`,
    );
  const mediaType = own === "" ? asked : own;
  if (mediaType === "") return isIndex ? mediaTypes.ociIndex : mediaTypes.ociManifest;
  if (isIndex ? !isIndexType(mediaType) : !isManifestType(mediaType))
    throw new Fault("invalid", `unsupported or contradicting manifest media type ${mediaType.slice(0, 100)}`);
  return mediaType;
}

function manifestOf(document: JsonObject, mediaType: string): Manifest {
  const layers = asArray(document["layers"] ?? [], "manifest.layers", MAX_LAYERS);
  const artifactType = optionalString(document["artifactType"], "manifest.artifactType");
  const { subject } = document;
  return {
    kind: "manifest",
    mediaType,
    config: parseDescriptor(document["config"], "manifest.config"),
    layers: layers.map((layer, index) => parseDescriptor(layer, `manifest.layers[${index}]`)),
    ...(artifactType !== undefined && { artifactType }),
    ...(!isAbsent(subject) && { subject: parseDescriptor(subject, "manifest.subject") }),
    ...annotationsOf(document),
  };
}

function indexOf(document: JsonObject, mediaType: string): Index {
  const manifests = asArray(document["manifests"] ?? [], "index.manifests", MAX_MANIFESTS);
  return {
    kind: "index",
    mediaType,
    manifests: manifests.map((entry, index) => parseDescriptor(entry, `index.manifests[${index}]`)),
    ...annotationsOf(document),
  };
}

function annotationsOf(document: JsonObject): { annotations?: Readonly<Record<string, string>> } {
  const annotations = optionalStringMap(document["annotations"], "manifest.annotations");
  return annotations === undefined ? {} : { annotations };
}
