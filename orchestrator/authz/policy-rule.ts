import type { PolicyRule } from "#api/kube/types/rbac.ts";
import type { Attributes } from "./authorizer.ts";

const all = "*";

export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (attributes.type === "path")
    return (rule.nonResourceURLs ?? []).some((pattern) => urlMatches(pattern, attributes.path));
  const { group, resource, subresource = "", name = "" } = attributes;
  const { apiGroups = [], resources = [], resourceNames = [] } = rule;
  return (
    has(apiGroups, group) &&
    resources.some((pattern) => resourceMatches(pattern, resource, subresource)) &&
    (resourceNames.length === 0 || resourceNames.includes(name))
  );
}

/** Whether a rule's resource is that one: `pods`, `pods/log`, anything with `*`, any's subresource with `*` before it. */
export function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === all) return true;
  if (subresource === "") return pattern === resource;
  return pattern === `${resource}/${subresource}` || pattern === `*/${subresource}`;
}

export function urlMatches(pattern: string, path: string): boolean {
  return (
    pattern === all || pattern === path || (pattern.endsWith(all) && path.startsWith(pattern.slice(0, -1)))
  );
}

function has(texts: readonly string[], text: string): boolean {
  return texts.includes(text) || texts.includes(all);
}
