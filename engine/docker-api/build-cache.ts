import type { CacheEntry } from "#engine/build/build-service.ts";

const types = {
  exec: "regular",
  copy: "regular",
  folder: "regular",
  config: "internal",
  context: "source.local",
} as const satisfies Record<CacheEntry["kind"], string>;

/** @see Docker Engine API v1.51, definition BuildCache */
export function buildCacheView(entry: CacheEntry): object {
  return {
    ID: entry.key.slice(0, 25),
    Type: types[entry.kind],
    Description: entry.description,
    InUse: false,
    Shared: entry.isInUse,
    Size: entry.bytes,
    CreatedAt: entry.created,
    LastUsedAt: new Date(entry.usedAt).toISOString(),
    UsageCount: entry.uses,
  };
}

export function buildCacheTotals(cache: readonly CacheEntry[]): object {
  const bytes = (counts: (entry: CacheEntry) => boolean) =>
    cache.reduce((total, entry) => total + (counts(entry) ? entry.bytes : 0), 0);
  return {
    ActiveCount: 0,
    TotalCount: cache.length,
    Reclaimable: bytes(({ isInUse }) => !isInUse),
    TotalSize: bytes(() => true),
  };
}
