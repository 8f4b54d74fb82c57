import { readFileSync } from "node:fs";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { columnsOf, otherColumns } from "./columns/table.ts";
import { strategies } from "./strategies.ts";

/**
 * Every built-in resource: all of v1 and autoscaling/v2 as Kubernetes 1.36 serves them, and what 1.37 made v1; ordered by group, version
 * and name.
 */
export const resources: readonly ResourceDefinition[] = readResources();

function readResources(): readonly ResourceDefinition[] {
  const table: readonly Omit<ResourceDefinition, "strategy">[] = JSON.parse(
    readFileSync(new URL("data/resources.json", import.meta.url), "utf8"),
  );
  return table.map((resource) => {
    const key = qualified(resource);
    const columns = columnsOf[`${key}/${resource.version}`] ?? columnsOf[key] ?? otherColumns;
    return { ...resource, strategy: { ...strategies[key], columns } };
  });
}
