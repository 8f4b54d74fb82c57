import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "#api/kube/meta.ts";
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  RoleBinding,
  Subject,
} from "#api/kube/types/rbac.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { aggregatedRules } from "#orchestrator/machinery/aggregated-rules.ts";
import { type BootstrapPolicy, bootstrapPolicy } from "./bootstrap-policy.ts";
import { rbacResources } from "./rbac-index.ts";
import { uncovered } from "./rule-cover.ts";

/** What both have, and what only one does. */
interface AnyRole extends KubeObject, Pick<ClusterRole, "aggregationRule" | "rules"> {}
type AnyBinding = RoleBinding | ClusterRoleBinding;

type Aggregated = Pick<ClusterRole, "aggregationRule">;

/** One write that brings the cluster's roles to where they should be. */
export interface BootstrapStep {
  readonly do: "create" | "update" | "replace";
  /** e.g. `clusterroles.rbac.authorization.k8s.io` */
  readonly resource: string;
  readonly object: KubeObject;
}

const autoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

/**
 * What is missing of the roles and bindings that every cluster has: what somebody took away comes back, what somebody added stays.
 * Those whose annotation `rbac.authorization.kubernetes.io/autoupdate` is `false` are left alone.
 *
 * @see Kubernetes, Using RBAC Authorization: auto-reconciliation
 */
export function planBootstrap(
  objects: ObjectReader,
  policy: BootstrapPolicy = bootstrapPolicy(),
): readonly BootstrapStep[] {
  const clusterRoles = policy.clusterRoles.map((role) => withAggregated(role, policy.clusterRoles));
  return [
    ...clusterRoles.flatMap((role) => planRole(objects, rbacResources.clusterRoles, role)),
    ...policy.clusterRoleBindings.flatMap((binding) =>
      planBinding(objects, rbacResources.clusterRoleBindings, binding),
    ),
    ...policy.roles.flatMap((role) => planRole(objects, rbacResources.roles, role)),
    ...policy.roleBindings.flatMap((binding) => planBinding(objects, rbacResources.roleBindings, binding)),
  ];
}

/** A new cluster's `admin`, `edit` and `view` have their rules at once, before any controller runs. */
function withAggregated(role: ClusterRole, all: readonly ClusterRole[]): ClusterRole {
  return role.aggregationRule === undefined ? role : { ...role, rules: aggregatedRules(role, all) };
}

function planRole(objects: ObjectReader, resource: string, wanted: AnyRole): readonly BootstrapStep[] {
  const { namespace, name = "" } = wanted.metadata;
  const found = objects.find<AnyRole>(resource, namespace, name);
  if (found === undefined) return [{ do: "create", resource, object: wanted }];
  if (found.metadata.annotations?.[autoUpdate] === "false") return [];
  const object = {
    ...found,
    metadata: mergedMetadata(found, wanted),
    ...(wanted.aggregationRule !== undefined
      ? mergedSelectors(found, wanted)
      : mergedRules(found.rules ?? [], wanted.rules ?? [])),
  };
  return isDeepStrictEqual(object, found) ? [] : [{ do: "update", resource, object }];
}

function mergedRules(
  found: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): { readonly rules: readonly PolicyRule[] } {
  const missing = uncovered(found, wanted);
  return { rules: missing.length === 0 ? found : [...found, ...missing] };
}

function mergedSelectors(found: Aggregated, wanted: Aggregated): Aggregated {
  const has = found.aggregationRule?.clusterRoleSelectors ?? [];
  const missing = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    (selector) => !has.some((one) => isDeepStrictEqual(one, selector)),
  );
  return { aggregationRule: { clusterRoleSelectors: [...has, ...missing] } };
}

function planBinding(objects: ObjectReader, resource: string, wanted: AnyBinding): readonly BootstrapStep[] {
  const { namespace, name = "" } = wanted.metadata;
  const found = objects.find<AnyBinding>(resource, namespace, name);
  if (found === undefined) return [{ do: "create", resource, object: wanted }];
  if (found.metadata.annotations?.[autoUpdate] === "false") return [];
  // Which role it is of cannot be changed in place.
  if (found.roleRef.kind !== wanted.roleRef.kind || found.roleRef.name !== wanted.roleRef.name)
    return [{ do: "replace", resource, object: wanted }];
  const has = found.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter(
    (subject) => !has.some((one) => isSameSubject(one, subject)),
  );
  const object = {
    ...found,
    metadata: mergedMetadata(found, wanted),
    ...(missing.length > 0 && { subjects: [...has, ...missing] }),
  };
  return isDeepStrictEqual(object, found) ? [] : [{ do: "update", resource, object }];
}

function isSameSubject(one: Subject, other: Subject): boolean {
  return one.kind === other.kind && one.name === other.name && one.namespace === other.namespace;
}

function mergedMetadata(found: KubeObject, wanted: KubeObject): KubeObject["metadata"] {
  return {
    ...found.metadata,
    labels: { ...wanted.metadata.labels, ...found.metadata.labels },
    annotations: { ...wanted.metadata.annotations, ...found.metadata.annotations },
  };
}
