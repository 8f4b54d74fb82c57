import type { PolicyRule } from "#api/kube/types/rbac.ts";
import { byBytes, goList } from "#orchestrator/machinery/go-text.ts";
import { resourceMatches, urlMatches } from "./policy-rule.ts";

/**
 * What of the wanted rules the owned ones do not grant, a verb and a resource at a time.
 *
 * Upstream's approximation: a rule is covered when each of its parts is, each by a single rule.
 */
export function uncovered(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(split).filter((part) => !owned.some((rule) => covers(rule, part)));
}

/** Rules that differ in their verbs only become one; sorted, in upstream's words. */
export function describeRules(rules: readonly PolicyRule[]): readonly string[] {
  const merged = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify(rest);
    const known = merged.get(key)?.verbs ?? [];
    merged.set(key, { ...rest, verbs: [...new Set([...known, ...verbs])] });
  }
  return [...new Set([...merged.values()].map(describe))].toSorted(byBytes);
}

function split({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): readonly PolicyRule[] {
  const parts: PolicyRule[] = [];
  for (const apiGroup of apiGroups)
    for (const resource of resources)
      for (const verb of verbs) {
        const part = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
        if (resourceNames.length === 0) parts.push(part);
        for (const name of resourceNames) parts.push({ ...part, resourceNames: [name] });
      }
  for (const url of nonResourceURLs)
    for (const verb of verbs) parts.push({ verbs: [verb], nonResourceURLs: [url] });
  return parts;
}

function covers(owned: PolicyRule, part: PolicyRule): boolean {
  if (!hasEach(owned.verbs, part.verbs)) return false;
  const { nonResourceURLs: urls = [] } = part;
  if (urls.length > 0)
    return urls.every((url) => (owned.nonResourceURLs ?? []).some((pattern) => urlMatches(pattern, url)));
  return (
    hasEach(owned.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => hasResource(owned.resources ?? [], resource)) &&
    namesCover(owned.resourceNames ?? [], part.resourceNames ?? [])
  );
}

function hasResource(owned: readonly string[], wanted: string): boolean {
  const [resource = "", subresource = ""] = wanted.split("/");
  return owned.some((pattern) => pattern === wanted || resourceMatches(pattern, resource, subresource));
}

function namesCover(owned: readonly string[], wanted: readonly string[]): boolean {
  if (owned.length === 0) return true;
  return wanted.length > 0 && wanted.every((name) => owned.includes(name));
}

function hasEach(owned: readonly string[], wanted: readonly string[]): boolean {
  return owned.includes("*") || wanted.every((text) => owned.includes(text));
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}` */
function describe({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts = [
    ["APIGroups", apiGroups],
    ["Resources", resources],
    ["NonResourceURLs", nonResourceURLs],
    ["ResourceNames", resourceNames],
    ["Verbs", verbs],
  ] as const;
  const shown = parts.flatMap(([name, values = []]) =>
    values.length === 0 ? [] : [`${name}:${goList(values)}`],
  );
  return `{${shown.join(", ")}}`;
}
