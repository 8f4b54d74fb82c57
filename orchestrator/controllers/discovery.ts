import type { APIResource } from "#api/kube/types/meta.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";

export interface DiscoveredResource extends KubeResource {
  readonly verbs: readonly string[];
}

interface Discovered {
  readonly resources: readonly DiscoveredResource[];
  /** Parts of the API that could not be asked, as `group/version: why`. */
  readonly failures: readonly string[];
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

/** What the API serves, in the version that it prefers, without subresources. */
export async function discover(kube: KubeClient, signal: AbortSignal): Promise<Discovered> {
  const { groups } = await kube.requests.json<GroupList>({ method: "GET", path: "/apis" }, signal);
  const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const parts = await Promise.allSettled(versions.map((version) => resourcesOf(kube, version, signal)));
  const failures: string[] = [];
  const resources: DiscoveredResource[] = [];
  for (const [at, part] of parts.entries())
    if (part.status === "fulfilled") resources.push(...part.value);
    else failures.push(`${versions[at]}: ${(part.reason as Error).message}`);
  return { resources, failures };
}

/** What one version of a group has, e.g. `apps/v1`, without subresources. */
export async function resourcesOf(
  kube: KubeClient,
  groupVersion: string,
  signal: AbortSignal,
): Promise<readonly DiscoveredResource[]> {
  const slash = groupVersion.indexOf("/");
  const group = slash < 0 ? "" : groupVersion.slice(0, slash);
  const path = group === "" ? `/api/${groupVersion}` : `/apis/${groupVersion}`;
  type List = { readonly resources: readonly APIResource[] };
  const { resources } = await kube.requests.json<List>({ method: "GET", path }, signal);
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map(({ name, kind, namespaced, verbs }) => ({
      group,
      version: groupVersion.slice(slash + 1),
      resource: name,
      kind,
      isNamespaced: namespaced,
      verbs,
    }));
}
