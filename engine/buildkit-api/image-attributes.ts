import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";
import type { ExportOptions, LayerCompression } from "#engine/images/image-export.ts";
import { parseReference, type Reference, withDefaultTag } from "#oci/reference.ts";
import type { Exporter } from "./export.ts";

/** What a client says about an image that a build exports. @see github.com/moby/buildkit, exporter/containerimage */
export interface ImageAttributes {
  /** As given. */
  readonly names: readonly Reference[];
  readonly pushes: boolean;
  /** Without a tag. */
  readonly pushesByDigest: boolean;
  readonly isInsecure: boolean;
  /** Whether it becomes an image here. */
  readonly isStored: boolean;
  /** The image also has its names with its digest. */
  readonly isCanonical: boolean;
  /** The name, with its digest, of an image without one. */
  readonly danglingName: Reference | undefined;
  readonly options: ExportOptions;
  /** The same, with the annotations of one platform's manifest. */
  readonly optionsFor: (platform: string) => ExportOptions;
  readonly indexAnnotations: Annotations;
  readonly indexDescriptorAnnotations: Annotations;
  /** Files in layers are no newer than SOURCE_DATE_EPOCH. */
  readonly rewritesTimes: boolean;
}

type Annotations = Readonly<Record<string, string>>;

type Attributes = ReadonlyMap<string, string>;

/**
 * @param hasIndex whether it becomes an index, which alone has annotations of its own
 * @throws {Fault} `invalid` with BuildKit's texts
 */
export function parseImageAttributes({ type, attrs }: Exporter, hasIndex: boolean): ImageAttributes {
  const isOci = type === "oci";
  const indexAnnotations = annotationsOf(attrs, "index");
  const indexDescriptorAnnotations = annotationsOf(attrs, "index-descriptor");
  if (!hasIndex && Object.keys({ ...indexAnnotations, ...indexDescriptorAnnotations }).length > 0)
    throw new Fault("invalid", "index annotations not supported for single platform export");
  const dangling = attrs.get("dangling-name-prefix") ?? "";
  return {
    names: namesOf(attrs),
    pushes: flagOf(attrs, "push", false),
    pushesByDigest: flagOf(attrs, "push-by-digest", false),
    isInsecure: flagOf(attrs, "registry.insecure", false),
    isStored: flagOf(attrs, "store", true),
    isCanonical: flagOf(attrs, "name-canonical", false),
    danglingName: dangling === "" ? undefined : parseReference(dangling),
    options: exportOptions(attrs, isOci),
    optionsFor: (platform) => exportOptions(attrs, isOci, platform),
    indexAnnotations,
    indexDescriptorAnnotations,
    rewritesTimes: flagOf(attrs, "rewrite-timestamp", false),
  };
}

function namesOf(attrs: Attributes): readonly Reference[] {
  const names = (attrs.get("name") ?? "").split(",").filter((name) => name !== "");
  const isByDigest = flagOf(attrs, "push-by-digest", false);
  const references = names.map((name) => {
    const reference = parseReference(name);
    if (isByDigest && reference.tag !== undefined)
      throw new Fault("invalid", `can't push tagged ref ${name} by digest`);
    return isByDigest ? reference : withDefaultTag(reference);
  });
  if (references.some(({ digest }) => digest !== undefined))
    throw new Fault("invalid", "build tag cannot contain a digest");
  return references;
}

/** @param ociByDefault which media types an exporter has where the client does not say */
export function exportOptions(attrs: Attributes, ociByDefault = false, platform?: string): ExportOptions {
  const level = levelOf(attrs);
  return {
    compression: compressionOf(attrs),
    ...(level !== undefined && { level }),
    isForced: flagOf(attrs, "force-compression", false),
    usesOciTypes: flagOf(attrs, "oci-mediatypes", ociByDefault),
    annotations: annotationsOf(attrs, "manifest", platform),
    descriptorAnnotations: annotationsOf(attrs, "manifest-descriptor", platform),
  };
}

/** @throws {Fault} `invalid` with BuildKit's text */
export function flagOf(attrs: Attributes, name: string, otherwise: boolean): boolean {
  const value = attrs.get(name);
  if (value === undefined) return otherwise;
  const known = value === "" ? true : findBool(value);
  if (known !== undefined) return known;
  throw new Fault(
    "invalid",
    `non-bool value specified for ${name}: strconv.ParseBool: parsing ${JSON.stringify(value.slice(0, 100))}: invalid syntax`,
  );
}

function compressionOf(attrs: Attributes): LayerCompression {
  const text = attrs.get("compression") ?? "gzip";
  if (text === "gzip" || text === "zstd" || text === "uncompressed") return text;
  throw new Fault("invalid", `unsupported compression type ${text.slice(0, 100)}`);
}

function levelOf(attrs: Attributes): number | undefined {
  const text = attrs.get("compression-level");
  if (text === undefined) return undefined;
  if (!/^[+-]?\d{1,9}$/.test(text))
    throw new Fault(
      "invalid",
      `non-integer value ${text.slice(0, 100)} specified for compression-level: strconv.ParseInt: parsing ${JSON.stringify(text.slice(0, 100))}: invalid syntax`,
    );
  // Levels that there are not mean the nearest one.
  const highest = compressionOf(attrs) === "zstd" ? 22 : 9;
  return Math.min(Math.max(Number(text), 0), highest);
}

/** `annotation.key`, `annotation-manifest[os/arch].key` */
function annotationsOf(attrs: Attributes, wanted: string, platform?: string): Annotations {
  const found: Record<string, string> = {};
  for (const [name, value] of attrs) {
    const [, kind = "manifest", only, key] =
      /^annotation(?:-(manifest|manifest-descriptor|index|index-descriptor))?(?:\[([^\]]*)\])?\.(.+)$/s.exec(
        name,
      ) ?? [];
    if (key === undefined || kind !== wanted) continue;
    if (only === undefined || platform === undefined || only === platform) found[key] = value;
  }
  return found;
}
