import { Fault } from "#base/fault.ts";
import {
  familiarName,
  familiarReference,
  parseReference,
  type Reference,
  withDefaultTag,
  withTag,
} from "#oci/reference.ts";
import { changing, type ImageDeps, publish } from "./image-deps.ts";
import { resolveImage } from "./resolve.ts";

/** `docker tag`. A name that another image has moves to this one. @throws {Fault} `not-found`; `invalid` */
export async function tagImage(
  deps: ImageDeps,
  name: string,
  repository: string,
  tag: string,
): Promise<void> {
  const reference = parseNewTag(repository, tag);
  await changing(deps, async () => {
    const { repoTags: _tags, repoDigests: _digests, ...image } = resolveImage(deps.store, name);
    await deps.store.apply({
      images: [{ ...image, lastTaggedAt: new Date(deps.now()).toISOString() }],
      names: [{ reference, imageId: image.id, target: image.manifest }],
    });
    publish(deps, "tag", image.id, {
      name: familiarReference(reference),
      labels: image.config.config?.Labels,
    });
  });
}

/**
 * The reference that `repo` and `tag` of a request make together.
 *
 * @throws {Fault} `invalid`, also for a digest, which is not for users to give
 */
export function parseNewTag(repository: string, tag: string): Reference {
  const parsed = parseReference(repository);
  if (parsed.digest !== undefined)
    throw new Fault("invalid", "refusing to create a tag with a digest reference");
  if (familiarName(parsed) === "sha256")
    throw new Fault("invalid", "refusing to create an ambiguous tag using digest algorithm as name");
  return tag === "" ? withDefaultTag(parsed) : withTag(parsed, tag);
}
