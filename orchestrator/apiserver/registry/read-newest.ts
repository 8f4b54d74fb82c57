import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { CachedObject, storeKey } from "../cache/cached-object.ts";
import type { RegistryDeps } from "./registry.ts";
import { placeOf } from "./resource-table.ts";

/** An object as it is, for whoever wants to write it. */
export async function readNewest(
  { cache, store }: RegistryDeps,
  definition: ResourceDefinition,
  namespace: string | undefined,
  name: string,
  attempt: number,
  signal: AbortSignal,
): Promise<CachedObject | undefined> {
  const place = placeOf(definition);
  const key = { place, name, ...(namespace !== undefined && { namespace }) };
  // What is seen is nearly always the newest; the store tells when it is not.
  const seen = cache.resource(place).find(namespace, name);
  if (seen !== undefined && attempt === 1) return seen;
  const { entry } = await store.get(storeKey(key), signal);
  if (entry === undefined) return undefined;
  return seen?.revision === entry.revision ? seen : new CachedObject(key, entry.value, entry.revision);
}
