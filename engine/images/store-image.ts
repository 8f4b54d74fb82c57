import type { Digest } from "#oci/digest.ts";
import type { ImageConfig } from "#oci/image-config.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { type ArchiveDeps, storeBlob } from "./archive-index.ts";
import { type PlannedImage, planLayers } from "./planned-image.ts";

/** Writes config and manifest, volatile if that is wanted, of an image whose layers, plain unless they say otherwise, are blobs already. */
export async function storeImage(
  deps: ArchiveDeps,
  config: ImageConfig,
  layers: readonly { readonly mediaType?: string; readonly digest: Digest; readonly size: number }[],
  signal: AbortSignal,
  isVolatile = false,
): Promise<PlannedImage> {
  const descriptors = layers.map((layer) => ({ mediaType: mediaTypes.ociLayer, ...layer }));
  const configBytes = Buffer.from(JSON.stringify(config));
  const id = await storeBlob(deps, configBytes, signal, isVolatile);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: id, size: configBytes.length },
      layers: descriptors,
    }),
  );
  const digest = await storeBlob(deps, manifest, signal, isVolatile);
  return {
    id,
    config,
    descriptor: { mediaType: mediaTypes.ociManifest, digest, size: manifest.length },
    layers: planLayers(config, descriptors),
    names: [],
  };
}
