import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";

/** What is stored, as a definition serves it. Changes nothing of what it is given, but may share with it. */
export function servedForm({ storedAs }: ResourceDefinition, stored: Draft): Draft {
  return storedAs === undefined ? stored : storedAs.decode(stored);
}

/** The other way round. */
export function storedForm({ storedAs }: ResourceDefinition, served: Draft): Draft {
  return storedAs === undefined ? served : storedAs.encode(served);
}
