import type { PolicyRule, RoleRef } from "#api/kube/types/rbac.ts";
import type { AdmissionPlugin } from "#orchestrator/admission/plugin.ts";
import { checkBindingWrite, checkRoleWrite, type EscalationDeps } from "#orchestrator/authz/escalation.ts";
import { metadataOf } from "#orchestrator/apiserver/registry/write-request.ts";

/** Nobody gives away what they do not have. */
export function rbacEscalation(deps: EscalationDeps): AdmissionPlugin {
  return {
    name: "RBACEscalation",
    async validate({ operation, resource, namespace = "", user, object, name }) {
      if (resource.group !== "rbac.authorization.k8s.io" || object === undefined) return;
      if (operation !== "CREATE" && operation !== "UPDATE") return;
      if (user.groups.includes("system:masters")) return;
      const write = {
        user,
        resource: resource.resource,
        namespace,
        name: name || (metadataOf(object).name ?? ""),
      };
      if (resource.resource === "roles" || resource.resource === "clusterroles")
        checkRoleWrite(deps, write, (object["rules"] ?? []) as readonly PolicyRule[]);
      else checkBindingWrite(deps, write, object["roleRef"] as RoleRef);
    },
  };
}
