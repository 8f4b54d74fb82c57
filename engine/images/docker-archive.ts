import { Fault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { parseImageConfig } from "#oci/parse-image-config.ts";
import { parseReference, type Reference } from "#oci/reference.ts";
import { asArray, asObject, asString, optionalStrings } from "#oci/shape.ts";
import { parseStrictJson } from "#oci/strict-json.ts";
import {
  type ArchiveDeps,
  type ArchiveFile,
  type ArchiveIndex,
  claimOf,
  storeBlob,
} from "./archive-index.ts";
import { decompressed } from "./decompress.ts";
import { type PlannedImage, planLayers } from "./planned-image.ts";

/** One entry of `manifest.json`. @see Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format" */
interface DockerEntry {
  readonly config: string;
  readonly names: readonly Reference[];
  readonly layers: readonly string[];
}

const MAX_IMAGES = 1000;
const MAX_LAYERS = 1000;

/**
 * The images of a Docker archive. They get an OCI manifest, always the same for the same image, because the archive has none.
 *
 * @throws {Fault} `invalid`
 */
export async function planDockerArchive(
  deps: ArchiveDeps,
  archive: ArchiveIndex,
  signal: AbortSignal,
): Promise<readonly PlannedImage[]> {
  const entries = parseDockerManifest(await archive.read(archive.get("manifest.json")));
  const planned: PlannedImage[] = [];
  for (const entry of entries) planned.push(await planEntry(deps, archive, entry, signal));
  return planned;
}

/** @throws {Fault} `invalid` */
export function parseDockerManifest(bytes: Uint8Array): readonly DockerEntry[] {
  return asArray(parseStrictJson(bytes, "manifest.json"), "manifest.json", MAX_IMAGES).map((value) => {
    const entry = asObject(value, "manifest.json entry");
    return {
      config: asString(entry["Config"], "Config"),
      names: (optionalStrings(entry["RepoTags"], "RepoTags", MAX_IMAGES) ?? []).map(parseRepoTag),
      layers: optionalStrings(entry["Layers"], "Layers", MAX_LAYERS) ?? [],
    };
  });
}

function parseRepoTag(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined || reference.digest !== undefined)
    throw new Fault("invalid", `invalid tag ${JSON.stringify(text)}`);
  return reference;
}

async function planEntry(
  deps: ArchiveDeps,
  archive: ArchiveIndex,
  entry: DockerEntry,
  signal: AbortSignal,
): Promise<PlannedImage> {
  const configFile = archive.get(entry.config);
  const config = parseImageConfig(await archive.read(configFile));
  const descriptors: Descriptor[] = [];
  for (const path of entry.layers)
    descriptors.push(await keepLayer(deps, archive, archive.get(path), signal));
  const layers = planLayers(config, descriptors);
  await archive.keep(configFile, signal);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: configFile.digest, size: configFile.size },
      layers: descriptors,
    }),
  );
  const digest = await storeBlob(deps, manifest, signal);
  return {
    id: configFile.digest,
    config,
    descriptor: { mediaType: mediaTypes.ociManifest, digest, size: manifest.length },
    layers,
    names: entry.names,
  };
}

/** Docker takes layers in any compression; OCI knows gzip and zstd, so others are stored plain. */
async function keepLayer(
  deps: ArchiveDeps,
  archive: ArchiveIndex,
  file: ArchiveFile,
  signal: AbortSignal,
): Promise<Descriptor> {
  await archive.keep(file, signal);
  const { digest, size } = file;
  switch (file.compression) {
    case "none":
      return { mediaType: mediaTypes.ociLayer, digest, size };
    case "gzip":
      return { mediaType: mediaTypes.ociLayerGzip, digest, size };
    case "zstd":
      return { mediaType: mediaTypes.ociLayerZstd, digest, size };
    case "bzip2":
    case "xz": {
      const plain = decompressed(await deps.content.open(digest));
      const blob = await deps.content.ingest(plain, { claim: claimOf(deps.lease) }, signal);
      return { mediaType: mediaTypes.ociLayer, ...blob };
    }
    default:
      return file.compression satisfies never;
  }
}
