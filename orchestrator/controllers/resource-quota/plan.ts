import type { KubeObject } from "#api/kube/meta.ts";
import type { ResourceQuota } from "#api/kube/types/core.ts";
import { isAbout } from "#orchestrator/admission/quota/scopes.ts";
import { addUsage, type Usage, usageOf } from "#orchestrator/admission/quota/usage.ts";
import { formatQuantity, zero } from "#orchestrator/machinery/quantity.ts";

/** Objects of a resource with its group, e.g. `deployments.apps`. */
export type Counted = ReadonlyMap<string, Iterable<KubeObject>>;

const ofServices = /^services(\.|$)/;
const ofClaims = /^(persistentvolumeclaims|requests\.storage)$|storageclass\.storage\.k8s\.io\//;
const plain = new Set(["configmaps", "secrets", "replicationcontrollers", "resourcequotas"]);

/** The resources whose objects a limit counts. */
export function resourceOf(limit: string): string {
  if (limit.startsWith("count/")) return limit.slice("count/".length);
  if (plain.has(limit)) return limit;
  if (ofServices.test(limit)) return "services";
  return ofClaims.test(limit) ? "persistentvolumeclaims" : "pods";
}

/** What a quota's status says: its limits, and what is used of each. */
export function planQuota(quota: ResourceQuota, counted: Counted): NonNullable<ResourceQuota["status"]> {
  const hard = quota.spec?.hard ?? {};
  let usage: Usage = new Map();
  for (const [resource, objects] of counted)
    for (const object of objects)
      if (isAbout(quota, resource, object)) usage = addUsage(usage, usageOf(resource, object));
  const used = Object.keys(hard).map((name) => [name, formatQuantity(usage.get(name) ?? zero)]);
  return { hard, used: Object.fromEntries(used) };
}
