import { isFault } from "#base/fault.ts";
import type { Descriptor } from "#oci/descriptor.ts";
import { parseManifestOrIndex } from "#oci/manifest.ts";
import type { Digest } from "#oci/digest.ts";
import { type Reference, withDigest } from "#oci/reference.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { Repository } from "#engine/registry/repository.ts";
import { retrying } from "#engine/registry/retry.ts";
import type { RepositoryWriter } from "#engine/registry/upload.ts";
import { changing, type ImageDeps } from "./image-deps.ts";
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

const tries = 3;
const maxMounts = 3;

/** The repository has the blob, or gets it from another one of the registry; undefined when neither. @throws {Fault} `remote` */
export async function presenceOf(
  {
    reader,
    writer,
    repositoriesOf,
  }: Pick<PushedBlobs, "repositoriesOf"> & { readonly reader: Repository; readonly writer: RepositoryWriter },
  digest: Digest,
  signal: AbortSignal,
): Promise<{ readonly mountedFrom?: string } | undefined> {
  if (await retrying(() => reader.hasBlob(digest, signal), tries, signal)) return {};
  for (const from of repositoriesOf(digest).slice(0, maxMounts))
    if (await writer.mount(digest, from, signal)) return { mountedFrom: from };
  return undefined;
}

/** The image, if it is still here, has that digest at its registry now, under a digest's name and, if it has it still, its own. */
export async function rememberPushed(
  deps: ImageDeps,
  reference: Reference,
  imageId: Digest,
  target: Digest,
): Promise<void> {
  const { store } = deps;
  await changing(deps, async () => {
    if (store.findById(imageId) === undefined) return;
    const isNamed = store.findName(reference)?.imageId === imageId;
    const names = [withDigest(reference, target), ...(isNamed ? [reference] : [])];
    await store.apply({ names: names.map((name) => ({ reference: name, imageId, target })) });
  });
}
