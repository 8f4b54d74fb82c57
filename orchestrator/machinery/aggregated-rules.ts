import { isDeepStrictEqual } from "node:util";
import type { ClusterRole, PolicyRule } from "#api/kube/types/rbac.ts";
import { selects } from "./label-selector.ts";

/**
 * The rules of all roles that the role's selectors choose, by name, each one once. An aggregated role may be part of another one.
 *
 * @see Kubernetes, Using RBAC Authorization: aggregated ClusterRoles
 */
export function aggregatedRules(role: ClusterRole, all: Iterable<ClusterRole>): readonly PolicyRule[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  const others = [...all]
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .toSorted((left, right) => ((left.metadata.name ?? "") < (right.metadata.name ?? "") ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of selectors)
    for (const other of others)
      if (selects(selector, other.metadata.labels ?? {}))
        for (const rule of rulesOf(other, others))
          if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
  return rules;
}

/** Of an aggregated role that nobody has filled yet, those of its parts. */
function rulesOf(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] {
  const { rules = [], aggregationRule } = role;
  if (aggregationRule === undefined || rules.length > 0) return rules;
  return aggregatedRules(
    role,
    all.filter((other) => other !== role),
  );
}
