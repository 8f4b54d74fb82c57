import type { Built } from "#engine/build/built.ts";
import type { StepResult } from "#engine/build/cache-source.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { CacheRecordEntry } from "#oci/cache-config.ts";

/** A layer in the place where it stands, and when it was made, as far as that is known. */
export interface PlacedLayer {
  readonly layer: BuiltLayer;
  /** Index of the layer below; -1 for none. */
  readonly parent: number;
  readonly created: string | undefined;
}

/** What a cache says of a build. */
export interface CacheContent {
  readonly layers: readonly PlacedLayer[];
  readonly records: readonly CacheRecordEntry[];
}

/** @param isWhole with the stages of which nothing is left in the image but what it copied */
export function contentOf(built: Built, isWhole: boolean): CacheContent {
  const layers: PlacedLayer[] = [];
  const places = new Map<string, number>();
  const records = new Map<string, CacheRecordEntry>();
  for (const { key, created, layers: chain, hasLayer } of selected(built, isWhole)) {
    let parent = -1;
    for (const layer of chain) {
      const isOwn = hasLayer && layer === chain.at(-1);
      const place = places.get(layer.chainId) ?? layers.length;
      if (place === layers.length) layers.push({ layer, parent, created: isOwn ? created : undefined });
      places.set(layer.chainId, place);
      parent = place;
    }
    const digest = `sha256:${key}`;
    if (!records.has(digest)) records.set(digest, { digest, created, ...(hasLayer && { layer: parent }) });
  }
  return { layers, records: Array.from(records.values()) };
}

/** Of the image's own layers, by their numbers in it. */
export function inlineRecordsOf(built: Built): readonly CacheRecordEntry[] {
  return selected(built, false).map(({ key, created, layers, hasLayer }) => ({
    digest: `sha256:${key}`,
    created,
    ...(hasLayer && { layer: layers.length - 1 }),
  }));
}

function selected({ results, state }: Built, isWhole: boolean): readonly StepResult[] {
  if (isWhole) return results;
  return results.filter(({ layers }) =>
    layers.every(({ chainId }, index) => chainId === state.layers[index]?.chainId),
  );
}
