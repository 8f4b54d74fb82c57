import type { PolicyRule } from "#api/kube/types/rbac.ts";

/** Roles as short texts: words are parted by spaces, and `core` is the group without a name. */

const groups: Readonly<Record<string, string>> = {
  core: "",
  admissionregistration: "admissionregistration.k8s.io",
  authentication: "authentication.k8s.io",
  authorization: "authorization.k8s.io",
  certificates: "certificates.k8s.io",
  coordination: "coordination.k8s.io",
  discovery: "discovery.k8s.io",
  events: "events.k8s.io",
  internal: "internal.apiserver.k8s.io",
  metrics: "metrics.k8s.io",
  networking: "networking.k8s.io",
  node: "node.k8s.io",
  rbac: "rbac.authorization.k8s.io",
  resource: "resource.k8s.io",
  storage: "storage.k8s.io",
  storagemigration: "storagemigration.k8s.io",
};

export const read = "get list watch";
export const write = "create delete deletecollection patch update";
export const readWrite = `${read} ${write}`;

/** @param resources may have subresources; sorted, as upstream has them */
export function rule(verbs: string, apiGroups: string, resources: string, names = ""): PolicyRule {
  return {
    verbs: sorted(verbs),
    apiGroups: words(apiGroups).map((name) => groups[name] ?? name),
    resources: sorted(resources),
    ...(names !== "" && { resourceNames: sorted(names) }),
  };
}

export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: sorted(verbs), nonResourceURLs: sorted(urls) };
}

export const eventsRule = rule("create patch update", "core events", "events");

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function sorted(text: string): readonly string[] {
  return words(text).toSorted((left, right) => (left < right ? -1 : 1));
}
