import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { parseManifestOrIndex } from "#oci/manifest.ts";
import type { Reference } from "#oci/reference.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { ImageName } from "./image-store.ts";

/** What is known of blobs at registries, from the images that came from there or went there. */
export interface PushedBlobs {
  /** Paths of other repositories of the registry that have had the blob. */
  repositoriesOf(digest: string): readonly string[];
  /** What a plain layer has been compressed to before, by its diff ID. */
  compressedOf(diffId: string): Descriptor | undefined;
}

/** Names with a digest tell what was where. */
export async function findPushedBlobs(deps: ImageDeps, { domain, path }: Reference): Promise<PushedBlobs> {
  const repositories = new Map<string, Set<string>>();
  const compressed = new Map<string, Descriptor>();
  for (const name of Array.from(deps.store.names())) {
    const { reference } = name;
    if (reference.digest === undefined) continue;
    const diffIds = deps.store.findById(name.imageId)?.config.rootfs.diff_ids ?? [];
    for (const [index, layer] of (await layersOf(deps, name)).entries()) {
      const diffId = diffIds[index];
      if (diffId !== undefined && diffId !== layer.digest) compressed.set(diffId, layer);
      if (reference.domain !== domain || reference.path === path) continue;
      repositories.set(layer.digest, (repositories.get(layer.digest) ?? new Set()).add(reference.path));
    }
  }
  return {
    repositoriesOf: (digest) => Array.from(repositories.get(digest) ?? []),
    compressedOf: (diffId) => compressed.get(diffId),
  };
}

/** As the manifest has them that the name stands for, which need not be the one that is kept with the image. */
async function layersOf(
  { store, content }: ImageDeps,
  { imageId, target }: ImageName,
): Promise<readonly Descriptor[]> {
  const image = store.findById(imageId);
  if (image === undefined || image.manifest === target) return image?.layers ?? [];
  try {
    const parsed = parseManifestOrIndex(await content.read(target, MAX_DOCUMENT_BYTES));
    return parsed.kind === "manifest" && parsed.config.digest === imageId ? parsed.layers : image.layers;
  } catch (error) {
    if (isFault(error)) return []; // it is only a hint
    throw error;
  }
}
