import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { Revision, WriteResult } from "#orchestrator/storage/store.ts";
import { CachedObject, type ObjectKey, storedBytes, storeKey } from "../cache/cached-object.ts";
import { toStore } from "./conversion.ts";
import type { RegistryDeps } from "./registry.ts";
import { placeOf } from "./resource-table.ts";
import { metadataOf } from "./write-request.ts";

export interface StoredWrite {
  readonly key: ObjectKey;
  /** Has its new resourceVersion once it is stored. */
  readonly object: Draft;
  readonly expected: Revision;
}

export type StoredResult =
  | (Extract<WriteResult, { readonly isDone: true }> & { readonly stored: CachedObject })
  | Extract<WriteResult, { readonly isDone: false }>;

/** Stores an object, unless somebody else was faster. What it was given counts as taken by then. */
export async function putStored(
  { store, cache, allocators }: RegistryDeps,
  definition: ResourceDefinition,
  { key, object, expected }: StoredWrite,
  signal: AbortSignal,
): Promise<StoredResult> {
  const { ttlS } = definition.strategy;
  const value = storedBytes(await toStore(definition, object, signal));
  const result = await store.put(
    { key: storeKey(key), value, expected, ...(ttlS !== undefined && { ttlS }) },
    signal,
  );
  if (!result.isDone) return result;
  metadataOf(object).resourceVersion = String(result.revision);
  if (allocators.has(placeOf(definition))) await cache.reached(result.revision, signal);
  const stored = new CachedObject(key, value, result.revision, object);
  return { ...result, stored };
}

/** Removes an object for good. False when somebody else was faster. */
export async function removeStored(
  deps: RegistryDeps,
  old: CachedObject,
  signal: AbortSignal,
): Promise<boolean> {
  const result = await deps.store.delete(storeKey(old.key), old.revision, signal);
  if (!result.isDone) await seeWinner(deps, result, signal);
  return result.isDone;
}

/** Resolves when the cache has what somebody else wrote first. */
export async function seeWinner(
  { cache }: RegistryDeps,
  result: WriteResult,
  signal: AbortSignal,
): Promise<void> {
  const current = result.isDone ? undefined : result.current;
  await cache.reached(current?.revision ?? result.revision, signal);
}
