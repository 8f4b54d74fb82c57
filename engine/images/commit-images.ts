import type { Digest } from "#oci/digest.ts";
import { familiarReference, formatReference, type Reference } from "#oci/reference.ts";
import { changing, type ImageDeps } from "./image-deps.ts";
import type { ImageName, StoredArtifact, StoredImage } from "./image-store.ts";
import type { Progress } from "./images.ts";
import type { PlannedImage } from "./planned-image.ts";

/**
 * Makes unpacked images and their names visible, all in one step. An image that is there already stays as it is: the same ID
 * means the same layers. A name that moves is reported, as Docker does it.
 */
export async function commitImages(
  deps: ImageDeps,
  planned: readonly PlannedImage[],
  options: {
    readonly lastTaggedAt?: string;
    readonly parent?: Digest;
    readonly report?: (progress: Progress) => void;
    readonly artifacts?: readonly StoredArtifact[];
  } = {},
): Promise<void> {
  const images = new Map<string, StoredImage>();
  for (const image of planned)
    if (!images.has(image.id)) images.set(image.id, await storedImage(deps, image, options));
  await changing(deps, async () => {
    const names = new Map<string, ImageName>();
    for (const image of planned)
      for (const reference of image.names) {
        const known = deps.store.findById(image.id);
        const target = image.target ?? known?.manifest ?? image.descriptor.digest;
        names.set(formatReference(reference), { reference, imageId: image.id, target });
      }
    const fresh = Array.from(images.values()).filter(({ id }) => deps.store.findById(id) === undefined);
    for (const { reference, imageId } of names.values()) reportMove(deps, reference, imageId, options.report);
    const artifacts = [...(options.artifacts ?? []), ...planned.flatMap(({ indexes = [] }) => indexes)];
    await deps.store.apply({ images: fresh, names: Array.from(names.values()), artifacts });
  });
}

async function storedImage(
  { snapshots }: ImageDeps,
  image: PlannedImage,
  { lastTaggedAt, parent }: Pick<StoredImage, "lastTaggedAt" | "parent">,
): Promise<StoredImage> {
  const sizes = await Promise.all(image.layers.map(({ chainId }) => snapshots.usage(chainId)));
  return {
    id: image.id,
    manifest: image.descriptor.digest,
    descriptor: image.descriptor,
    config: image.config,
    layers: image.layers.map(({ descriptor: { mediaType, digest, size } }, index) => ({
      mediaType,
      digest,
      size,
      unpackedSize: sizes[index] ?? 0,
    })),
    chainIds: image.layers.map(({ chainId }) => chainId),
    size: sizes.reduce((sum, size) => sum + size, 0),
    ...(lastTaggedAt === undefined ? {} : { lastTaggedAt }),
    ...(parent === undefined ? {} : { parent }),
  };
}

function reportMove(
  { store }: ImageDeps,
  reference: Reference,
  imageId: string,
  report: ((progress: Progress) => void) | undefined,
): void {
  const before = store.findName(reference);
  if (before === undefined || before.imageId === imageId) return;
  report?.({
    stream: `The image ${familiarReference(reference)} already exists, renaming the old one with ID ${before.imageId} to empty string\n`,
  });
}
