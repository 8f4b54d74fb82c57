import type { ImageRecord, RemovedImage } from "./images.ts";
import { changing, type ImageDeps } from "./image-deps.ts";
import type { Removal } from "./plan-removal.ts";
import { applyRemoval, describeRemoval } from "./remove.ts";

export interface PruneFilter {
  /** Also images with tags. */
  readonly all: boolean;
  /** Milliseconds since 1970: only images made before. */
  readonly until?: number;
  readonly matches: (labels: Readonly<Record<string, string>>) => boolean;
}

/** `docker image prune`. Images that a container uses stay, with all their names. */
export async function pruneImages(
  deps: ImageDeps,
  filter: PruneFilter,
): Promise<{ readonly removed: readonly RemovedImage[]; readonly bytes: number }> {
  const pruned = await changing(deps, async () => {
    const done: (readonly [ImageRecord, Removal])[] = [];
    for (const image of deps.store.list().filter((candidate) => isPrunable(deps, candidate, filter))) {
      const references = deps.store.namesOf(image.id).map(({ reference }) => reference);
      const removal = { untag: references, deletesImage: true };
      await applyRemoval(deps, image, removal);
      done.push([image, removal]);
    }
    return done;
  });
  const collected = await deps.collector.collect();
  return {
    removed: pruned.flatMap(([image, removal]) => describeRemoval(image, removal, collected)),
    bytes: collected.bytes,
  };
}

function isPrunable(deps: ImageDeps, image: ImageRecord, filter: PruneFilter): boolean {
  if (!filter.all && image.repoTags.length > 0) return false;
  if (filter.until !== undefined && createdMs(image) > filter.until) return false;
  if (!filter.matches(image.config.config?.Labels ?? {})) return false;
  return deps.use.containersOf(image.id).length === 0;
}

/** Milliseconds since 1970; 0 when the image does not say. */
export function createdMs(image: ImageRecord): number {
  return image.config.created === undefined ? 0 : Date.parse(image.config.created);
}
