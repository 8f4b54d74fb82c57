import type { CachedObject } from "../cache/cached-object.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

/** What is stored, as a definition serves it. Changes nothing of what it is given, but may share with it. */
export function servedForm({ storedAs }: ResourceDefinition, stored: Draft): Draft {
  return storedAs === undefined ? stored : storedAs.decode(stored);
}

/** The other way round, where nobody has to be asked. */
export function storedForm({ storedAs }: ResourceDefinition, served: Draft): Draft {
  return storedAs === undefined ? served : storedAs.encode(served);
}

/** What is to be stored. @throws {StatusError} when whoever converts it does not */
export async function toStore(
  definition: ResourceDefinition,
  served: Draft,
  signal: AbortSignal,
): Promise<Draft> {
  const { conversion } = definition.storedAs ?? {};
  return conversion === undefined ? storedForm(definition, served) : await conversion.encode(served, signal);
}

/** Resolves when all of these can be served. @throws {StatusError} when whoever converts them does not */
export async function prepareToServe(
  { storedAs }: ResourceDefinition,
  all: readonly CachedObject[],
  signal: AbortSignal,
): Promise<void> {
  if (storedAs?.conversion === undefined || all.length === 0) return;
  const objects = all.map(({ object }) => object as unknown as Draft);
  await storedAs.conversion.prepare(objects, signal);
}

/** A copy of a stored object, as a definition serves it. */
export async function servedCopy(
  definition: ResourceDefinition,
  cached: CachedObject,
  signal: AbortSignal,
): Promise<Draft> {
  if (definition.storedAs?.conversion === undefined)
    return servedForm(definition, JSON.parse(cached.json.toString()) as Draft);
  await prepareToServe(definition, [cached], signal);
  return structuredClone(servedForm(definition, cached.object as unknown as Draft));
}
