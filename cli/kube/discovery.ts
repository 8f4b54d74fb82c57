import type { KubeRequests } from "#client/kube/kube-requests.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import { KubeFailure } from "./failure.ts";

/** A resource that the server has, and by which words it is known. */
export interface ServedResource extends KubeResource {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
}

interface GroupList {
  readonly items: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions: readonly { readonly version: string; readonly resources?: readonly WireResource[] }[];
  }[];
}

interface WireResource {
  readonly resource: string;
  readonly responseKind?: { readonly kind: string };
  readonly scope: "Namespaced" | "Cluster";
  readonly singularResource?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly verbs?: readonly string[];
  readonly subresources?: readonly { readonly subresource: string }[];
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/** What a server has, in its order: the core group first, of each group the preferred version first. */
export class Discovery {
  readonly all: readonly ServedResource[];

  constructor(all: readonly ServedResource[]) {
    this.all = all;
  }

  static async read(requests: KubeRequests, signal: AbortSignal): Promise<Discovery> {
    const read = (path: string) =>
      requests.json<GroupList>({ method: "GET", path, accept: aggregated }, signal);
    const [core, groups] = await Promise.all([read("/api"), read("/apis")]);
    if (core.items === undefined || groups.items === undefined)
      throw new KubeFailure("error: the server is too old: it has no aggregated discovery; use kubectl");
    return new Discovery([...core.items, ...groups.items].flatMap(resourcesOf));
  }

  /** @param word plural, singular, short name or kind, with `.group` or `.version.group` @throws {KubeFailure} */
  get(word: string): ServedResource {
    const found = this.find(word);
    if (found !== undefined) return found;
    const [name = ""] = word.split(".");
    throw new KubeFailure(`error: the server doesn't have a resource type ${JSON.stringify(name)}`);
  }

  find(word: string): ServedResource | undefined {
    const [first = "", ...rest] = word.split(".");
    const name = first.toLowerCase();
    const candidates = this.all.filter(({ group, version }) => {
      if (rest.length === 0) return true;
      const [head, ...tail] = rest;
      return rest.join(".") === group || (head === version && tail.join(".") === group);
    });
    const isNamed = (is: (one: ServedResource) => boolean) => candidates.find(is);
    return (
      isNamed(({ resource }) => resource === name) ??
      isNamed(({ singular }) => singular === name) ??
      isNamed(({ shortNames }) => shortNames.includes(name)) ??
      isNamed(({ kind }) => kind.toLowerCase() === name)
    );
  }

  /** The resource of an object. @throws {KubeFailure} */
  ofKind(apiVersion: string, kind: string): ServedResource {
    const [group, version] = splitVersion(apiVersion);
    const found = this.all.find(
      (one) =>
        one.kind === kind && one.group === group && one.version === version && one.verbs.includes("get"),
    );
    if (found !== undefined) return found;
    throw new KubeFailure(
      `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}\nensure CRDs are installed first`,
    );
  }

  /** The resources of a category like `all`, undefined when there is none of the name. */
  category(name: string): readonly ServedResource[] | undefined {
    const found = this.all.filter(({ categories }) => categories.includes(name));
    return found.length === 0 ? undefined : preferred(found);
  }
}

/** Of several versions the first is the one that the server prefers. */
export function preferred(all: readonly ServedResource[]): readonly ServedResource[] {
  const first = new Map<string, ServedResource>();
  for (const one of all) {
    const name = groupResourceOf(one);
    if (!first.has(name)) first.set(name, one);
  }
  return [...first.values()];
}

function splitVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function resourcesOf({ metadata, versions }: GroupList["items"][number]): readonly ServedResource[] {
  return versions.flatMap(({ version, resources = [] }) =>
    resources.map((one) => ({
      group: metadata?.name ?? "",
      version,
      resource: one.resource,
      kind: one.responseKind?.kind ?? "",
      isNamespaced: one.scope === "Namespaced",
      singular: one.singularResource ?? "",
      shortNames: one.shortNames ?? [],
      categories: one.categories ?? [],
      verbs: one.verbs ?? [],
      subresources: (one.subresources ?? []).map(({ subresource }) => subresource),
    })),
  );
}

/** `pods`, or `deployments.apps`. */
export function groupResourceOf({ group, resource }: KubeResource): string {
  return group === "" ? resource : `${resource}.${group}`;
}

/** `pod`, or `deployment.apps`. */
export function groupKindOf({ group, kind }: Pick<KubeResource, "group" | "kind">): string {
  return group === "" ? kind.toLowerCase() : `${kind.toLowerCase()}.${group}`;
}

/** `pod/x`, or `deployment.apps/x`: how kubectl names an object. */
export function objectName(type: Pick<KubeResource, "group" | "kind">, name: string): string {
  return `${groupKindOf(type)}/${name}`;
}
