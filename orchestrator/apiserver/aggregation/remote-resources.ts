import type { APIResource } from "#api/kube/types/meta.ts";
import type { ResourceDefinition, Verb } from "#orchestrator/machinery/resource.ts";

/** @see Kubernetes API 1.36, meta/v1 APIResourceList */
export interface APIResourceList {
  readonly resources?: readonly APIResource[];
}

/** What another API server says it serves, as far as discovery is concerned: nothing of it is kept or checked here. */
export function remoteResources(
  group: string,
  version: string,
  list: APIResourceList,
): readonly ResourceDefinition[] {
  const all = list.resources ?? [];
  return all
    .filter(({ name }) => !name.includes("/"))
    .map((resource) => ({
      group,
      version,
      resource: resource.name,
      kind: resource.kind,
      listKind: `${resource.kind}List`,
      singular: resource.singularName,
      isNamespaced: resource.namespaced,
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      verbs: verbsOf(resource),
      subresources: all
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map((sub) => ({
          name: sub.name.slice(resource.name.length + 1),
          kind: sub.kind,
          verbs: verbsOf(sub),
          ...(sub.group !== undefined && { group: sub.group }),
          ...(sub.version !== undefined && { version: sub.version }),
        })),
      type: "",
      strategy: {},
    }));
}

function verbsOf({ verbs }: APIResource): readonly Verb[] {
  return verbs as readonly Verb[];
}
