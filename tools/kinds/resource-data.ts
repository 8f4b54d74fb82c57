import { isServedPath, type OpenApi, type PathItem } from "./specification.ts";

/** What discovery tells of a resource beside what paths show. */
const shortNames: Readonly<Record<string, readonly string[]>> = {
  componentstatuses: ["cs"],
  configmaps: ["cm"],
  endpoints: ["ep"],
  events: ["ev"],
  limitranges: ["limits"],
  namespaces: ["ns"],
  nodes: ["no"],
  persistentvolumeclaims: ["pvc"],
  persistentvolumes: ["pv"],
  pods: ["po"],
  replicationcontrollers: ["rc"],
  resourcequotas: ["quota"],
  serviceaccounts: ["sa"],
  services: ["svc"],
  customresourcedefinitions: ["crd", "crds"],
  daemonsets: ["ds"],
  deployments: ["deploy"],
  replicasets: ["rs"],
  statefulsets: ["sts"],
  horizontalpodautoscalers: ["hpa"],
  cronjobs: ["cj"],
  certificatesigningrequests: ["csr"],
  ingresses: ["ing"],
  ipaddresses: ["ip"],
  networkpolicies: ["netpol"],
  poddisruptionbudgets: ["pdb"],
  priorityclasses: ["pc"],
  storageclasses: ["sc"],
  volumeattributesclasses: ["vac"],
};

const categories: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    [
      "pods",
      "replicationcontrollers",
      "services",
      "daemonsets",
      "deployments",
      "replicasets",
      "statefulsets",
      "horizontalpodautoscalers",
      "cronjobs",
      "jobs",
    ].map((resource) => [resource, ["all"]]),
  ),
  customresourcedefinitions: ["api-extensions"],
  apiservices: ["api-extensions"],
  mutatingadmissionpolicies: ["api-extensions"],
  mutatingadmissionpolicybindings: ["api-extensions"],
  mutatingwebhookconfigurations: ["api-extensions"],
  validatingadmissionpolicies: ["api-extensions"],
  validatingadmissionpolicybindings: ["api-extensions"],
  validatingwebhookconfigurations: ["api-extensions"],
};

interface Found {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  isNamespaced: boolean;
  kind: string;
  readonly verbs: Set<string>;
  readonly subresources: Map<string, FoundSubresource>;
}

interface FoundSubresource {
  readonly name: string;
  readonly verbs: Set<string>;
  readonly kind: string;
  readonly group: string;
  readonly version: string;
}

/** The served resources in the order of their groups, versions and names. */
export function resourceData(openApi: OpenApi): readonly unknown[] {
  const found = new Map<string, Found>();
  for (const [path, item] of Object.entries(openApi.paths))
    if (isServedPath(path)) addPath(found, path, item);
  const definitions = new Map<string, string>();
  for (const [name, definition] of Object.entries(openApi.definitions)) {
    for (const { group, version, kind } of definition["x-kubernetes-group-version-kind"] ?? []) {
      definitions.set(`${group}/${version}/${kind}`, name);
    }
  }
  return [...found.values()]
    .toSorted(
      (a, b) => compare(a.group, b.group) || compare(a.version, b.version) || compare(a.resource, b.resource),
    )
    .map((resource) => written(resource, definitions));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function written(found: Found, definitions: ReadonlyMap<string, string>): unknown {
  const { group, version, resource, kind } = found;
  return {
    group,
    version,
    resource,
    kind,
    listKind: `${kind}List`,
    singular: kind.toLowerCase(),
    isNamespaced: found.isNamespaced,
    shortNames: shortNames[resource] ?? [],
    categories: categories[resource] ?? [],
    verbs: [...found.verbs].toSorted(),
    subresources: [...found.subresources.values()]
      .toSorted((a, b) => compare(a.name, b.name))
      .map((sub) => writtenSubresource(found, sub)),
    type: definitions.get(`${group}/${version}/${kind}`),
  };
}

function writtenSubresource(found: Found, sub: FoundSubresource): unknown {
  const isOwn = sub.group === found.group && sub.version === found.version;
  return {
    name: sub.name,
    verbs: [...sub.verbs].toSorted(),
    kind: sub.kind,
    ...(isOwn ? {} : { group: sub.group, version: sub.version }),
  };
}

const pathOfResource =
  /^\/apis\/([a-z0-9.-]+)\/(v[0-9a-z]+)(\/watch)?(\/namespaces\/\{namespace\})?\/([a-z]+)(?:\/\{name\}(?:\/([a-z]+))?)?$/;
const verbOfMethod: Readonly<Record<string, string>> = {
  get: "get",
  post: "create",
  put: "update",
  patch: "patch",
  delete: "delete",
};

function addPath(found: Map<string, Found>, path: string, item: PathItem): void {
  const match = pathOfResource.exec(path.startsWith("/api/") ? path.replace("/api/", "/apis/core/") : path);
  if (match === null) return;
  const [, group = "", version = "", watch, namespaced, resource = "", subresource] = match;
  const key = `${group}/${version}/${resource}`;
  const target = found.get(key) ?? {
    group: group === "core" ? "" : group,
    version,
    resource,
    isNamespaced: false,
    kind: "",
    verbs: new Set<string>(),
    subresources: new Map<string, FoundSubresource>(),
  };
  found.set(key, target);
  if (namespaced !== undefined) target.isNamespaced = true;
  if (watch !== undefined) target.verbs.add("watch");
  else addOperations(target, subresource, item);
}

function addOperations(target: Found, subresource: string | undefined, item: PathItem): void {
  for (const [method, operation] of Object.entries(item)) {
    const gvk = operation["x-kubernetes-group-version-kind"];
    const verb = verbOfMethod[method];
    if (gvk === undefined || verb === undefined) continue;
    if (subresource !== undefined) {
      const sub = target.subresources.get(subresource) ?? { name: subresource, verbs: new Set(), ...gvk };
      sub.verbs.add(verb);
      target.subresources.set(subresource, sub);
      continue;
    }
    const action = operation["x-kubernetes-action"] ?? "";
    target.kind = gvk.kind;
    target.verbs.add(action === "list" || action === "deletecollection" ? action : verb);
  }
}
