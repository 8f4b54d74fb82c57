import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "#api/kube/meta.ts";
import type { ClusterRole, PolicyRule, RoleRef } from "#api/kube/types/rbac.ts";
import type { Admission, AdmissionPlugin } from "#orchestrator/admission/plugin.ts";
import { refuse } from "#orchestrator/admission/support.ts";
import { checkBindingWrite, checkRoleWrite, type EscalationDeps } from "#orchestrator/authz/escalation.ts";
import { metadataOf } from "#orchestrator/apiserver/registry/write-request.ts";

/** Nobody gives away what they do not have. */
export function rbacEscalation(deps: EscalationDeps): AdmissionPlugin {
  return {
    name: "RBACEscalation",
    async validate(request) {
      const { operation, resource, namespace = "", user, object, name } = request;
      if (resource.group !== "rbac.authorization.k8s.io" || object === undefined) return;
      if (operation !== "CREATE" && operation !== "UPDATE") return;
      if (user.groups.includes("system:masters") || isForCollector(request)) return;
      const write = {
        user,
        resource: resource.resource,
        namespace,
        name: name || (metadataOf(object).name ?? ""),
      };
      if (resource.resource === "rolebindings" || resource.resource === "clusterrolebindings")
        return checkBindingWrite(deps, write, object["roleRef"] as RoleRef);
      checkRoleWrite(deps, write, (object["rules"] ?? []) as readonly PolicyRule[]);
      if (aggregates(object) || aggregates(request.old)) checkAggregation(deps, request);
    },
  };
}

/** Only owners and finalizers differ: the garbage collector must be able to end anything. */
function isForCollector({ object, old }: Admission): boolean {
  if (old === undefined || object === undefined) return false;
  const without = (one: object) => {
    const { metadata, ...rest } = one as KubeObject;
    const { ownerReferences: _1, finalizers: _2, resourceVersion: _3, managedFields: _4, ...kept } = metadata;
    return { ...rest, metadata: kept };
  };
  return isDeepStrictEqual(without(object), without(old));
}

function aggregates(role: object | undefined): boolean {
  return (role as ClusterRole | undefined)?.aggregationRule !== undefined;
}

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

/** It may gather anything later, so only who has everything may say so. */
function checkAggregation(deps: EscalationDeps, request: Admission): void {
  const { user, resource, namespace = "", name } = request;
  try {
    checkRoleWrite(deps, { user, resource: resource.resource, namespace, name }, everything);
  } catch {
    throw refuse(request, "must have cluster-admin privileges to use an aggregationRule");
  }
}
