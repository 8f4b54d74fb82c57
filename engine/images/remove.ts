import {
  familiarReference,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
  withDigest,
} from "#oci/reference.ts";
import type { Digest } from "#oci/digest.ts";
import type { Collected } from "#engine/gc/collector.ts";
import { changing, type ImageDeps, publish } from "./image-deps.ts";
import type { ImageRecord, RemovedImage } from "./images.ts";
import { planRemoval, type Removal } from "./plan-removal.ts";
import { isIdPrefix, resolveImage } from "./resolve.ts";

/** `docker rmi`. What only this image needed is off the disk when it resolves. @throws {Fault} `not-found`; `conflict` */
export async function removeImage(
  deps: ImageDeps,
  name: string,
  options: { readonly force: boolean },
): Promise<readonly RemovedImage[]> {
  const { image, removal } = await changing(deps, async () => {
    const image = resolveImage(deps.store, name);
    const removal = planRemoval({
      imageId: image.id,
      text: name,
      asked: isIdPrefix(image.id, name) ? undefined : namesMeant(deps, image, name),
      references: deps.store.namesOf(image.id).map(({ reference }) => reference),
      containers: deps.use.containersOf(image.id),
      force: options.force,
    });
    await applyRemoval(deps, image, removal);
    return { image, removal };
  });
  const collected = removal.deletesImage ? await deps.collector.collect() : undefined;
  return describeRemoval(image, removal, collected);
}

/** Rows, maps and events; the caller holds the lock. */
export async function applyRemoval(deps: ImageDeps, image: ImageRecord, removal: Removal): Promise<void> {
  const { untag, deletesImage } = removal;
  await deps.store.apply({ deletedNames: untag, deletedImages: deletesImage ? [image.id] : [] });
  for (const _ of untag) publish(deps, "untag", image.id, { labels: image.config.config?.Labels });
  if (deletesImage) publish(deps, "delete", image.id, {});
}

/** The answer's lines: names, the image, then the layers that went with it, from the top. */
export function describeRemoval(
  image: ImageRecord,
  { untag, deletesImage }: Removal,
  collected: Collected | undefined,
): readonly RemovedImage[] {
  const lines: RemovedImage[] = untag.map((reference) => ({ Untagged: familiarReference(reference) }));
  if (!deletesImage) return lines;
  const gone = new Set<Digest>(collected?.layers);
  const layers = image.chainIds.toReversed().filter((chainId) => gone.has(chainId));
  return [...lines, ...[image.id, ...layers].map((id) => ({ Deleted: id }))];
}

/** A digest may have been given a row by a pull, or be that of the image behind a tag. */
function namesMeant(deps: ImageDeps, image: ImageRecord, name: string): readonly Reference[] {
  const reference = parseReference(name);
  const { digest } = reference;
  if (digest === undefined) return [withDefaultTag(reference)];
  const exact = withDigest(reference, digest);
  if (deps.store.findName(exact) !== undefined) return [exact];
  return deps.store
    .namesOf(image.id)
    .filter((other) => other.target === digest && repositoryOf(other.reference) === repositoryOf(reference))
    .map((other) => other.reference);
}
