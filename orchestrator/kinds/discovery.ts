import { createHash } from "node:crypto";
import type { GroupVersionResource } from "#api/kube/meta.ts";
import type { ResourceDefinition, SubresourceDefinition } from "#orchestrator/machinery/resource.ts";

/** What says which of two groups a name is looked up in first; custom groups come after all of these. */
const groupPriorities: Readonly<Record<string, number>> = {
  "": 18_000,
  "apiregistration.k8s.io": 20_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "apiextensions.k8s.io": 16_700,
  "admissionregistration.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "discovery.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
  "resource.k8s.io": 15_900,
  "storagemigration.k8s.io": 15_800,
};
const customPriority = 1_000;

/** `GroupPriorityMinimum` of a group's APIService. */
export function groupPriority(group: string): number {
  return groupPriorities[group] ?? customPriority;
}

/** A group that is served: its versions, the preferred one first. */
export interface ServedGroup {
  readonly name: string;
  readonly versions: readonly string[];
}

/** The groups of resources in the order in which clients are to look into them; core has the empty name. */
export function servedGroups(resources: readonly GroupVersionResource[]): readonly ServedGroup[] {
  const versions = new Map<string, Set<string>>();
  for (const { group, version } of resources) {
    versions.set(group, (versions.get(group) ?? new Set()).add(version));
  }
  return [...versions]
    .map(([name, own]) => ({ name, versions: [...own].toSorted(compareVersions) }))
    .toSorted((a, b) => groupPriority(b.name) - groupPriority(a.name) || (a.name < b.name ? -1 : 1));
}

/** Of API versions: v2 before v1 before v1beta2 before v1alpha1 before anything else. */
export function compareVersions(a: string, b: string): number {
  const [ranked, other] = [rankOf(a), rankOf(b)];
  if (ranked === undefined || other === undefined) {
    if (ranked === other) return a < b ? -1 : a > b ? 1 : 0;
    return ranked === undefined ? 1 : -1;
  }
  for (let at = 0; at < ranked.length; at++) {
    const difference = (other[at] ?? 0) - (ranked[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rankOf(version: string): readonly number[] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return undefined;
  const stability = match[2] === undefined ? 3 : match[2] === "beta" ? 2 : 1;
  return [stability, Number(match[1]), Number(match[3] ?? 0)];
}

/** `/api` */
export function apiVersions(serverAddress: string): object {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

/** `/apis` */
export function apiGroupList(groups: readonly ServedGroup[]): object {
  const named = groups.filter(({ name }) => name !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: named.map(groupEntry) };
}

/** `/apis/GROUP` */
export function apiGroup(group: ServedGroup): object {
  return { kind: "APIGroup", apiVersion: "v1", ...groupEntry(group) };
}

function groupEntry({ name, versions }: ServedGroup) {
  const entries = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

/** `/api/v1` and `/apis/GROUP/VERSION`; the resources are those of the group and version. */
export function apiResourceList(
  group: string,
  version: string,
  resources: readonly ResourceDefinition[],
): object {
  const entries = resources.flatMap((resource) => [
    resourceEntry(resource),
    ...resource.subresources.map((sub) => subresourceEntry(resource, sub)),
  ]);
  return {
    kind: "APIResourceList",
    ...(group === "" ? {} : { apiVersion: "v1" }),
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function resourceEntry(resource: ResourceDefinition) {
  const { shortNames, categories } = resource;
  return {
    name: resource.resource,
    singularName: resource.singular,
    namespaced: resource.isNamespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(resource.verbs.includes("get") ? { storageVersionHash: storageVersionHash(resource) } : {}),
  };
}

function subresourceEntry(resource: ResourceDefinition, sub: SubresourceDefinition) {
  return {
    name: `${resource.resource}/${sub.name}`,
    singularName: "",
    namespaced: resource.isNamespaced,
    ...(sub.version === undefined ? {} : { group: sub.group ?? "", version: sub.version }),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

/** The first bytes of a digest of what an object is stored as. */
function storageVersionHash({ group, version, kind }: ResourceDefinition): string {
  const digest = createHash("sha256").update(`${group}/${version}/${kind}`).digest();
  return digest.subarray(0, 8).toString("base64");
}

/**
 * `/api` or `/apis` for clients that take everything at once.
 *
 * @param version of the document, `v2` or `v2beta1`
 * @param resources all that are served; core's for `/api`, the others' for `/apis` are taken from them
 */
export function aggregatedDiscovery(
  path: "/api" | "/apis",
  version: "v2" | "v2beta1",
  resources: readonly ResourceDefinition[],
): object {
  const own = resources.filter(({ group }) => (group === "") === (path === "/api"));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: servedGroups(own).map((group) => ({
      metadata: { ...(group.name === "" ? {} : { name: group.name }), creationTimestamp: null },
      versions: group.versions.map((each) => ({
        version: each,
        resources: own
          .filter((resource) => resource.group === group.name && resource.version === each)
          .map(discoveredResource),
        freshness: "Current",
      })),
    })),
  };
}

function discoveredResource(resource: ResourceDefinition) {
  const { group, version, shortNames, categories, subresources } = resource;
  return {
    resource: resource.resource,
    responseKind: { group, version, kind: resource.kind },
    scope: resource.isNamespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
            verbs: sub.verbs,
          })),
        }),
  };
}
