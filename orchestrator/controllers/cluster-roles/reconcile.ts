import type { ClusterRole } from "#api/kube/types/rbac.ts";
import { clusterRoles } from "#client/kube/resources.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { aggregatedRules } from "#orchestrator/machinery/aggregated-rules.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { ControllerDeps } from "../controller-deps.ts";

/** Keeps the rules of aggregated ClusterRoles those of their parts. */
export async function startClusterRoleAggregation(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const roles = deps.informers.of(clusterRoles);
  const controller = {
    name: "clusterrole-aggregation-controller",
    async reconcile(name: string, signal: AbortSignal) {
      const role = roles.cache.get(name);
      if (role?.aggregationRule === undefined) return;
      const rules = aggregatedRules(role, roles.cache.list());
      if (!isSameJson(rules, role.rules ?? []))
        await deps.kube.of(clusterRoles).update({ ...role, rules }, signal);
    },
  };
  const { queue, ended } = runController(deps, controller, signal, { ready: roles.synced(signal) });
  // Any role may be a part of any aggregated one; there are few of those.
  const look = () => {
    for (const role of roles.cache.list()) if (isAggregated(role)) queue.add(role.metadata.name ?? "");
  };
  roles.handle({ added: look, updated: look, deleted: look });
  await ended;
}

function isAggregated({ aggregationRule }: ClusterRole): boolean {
  return aggregationRule !== undefined;
}
