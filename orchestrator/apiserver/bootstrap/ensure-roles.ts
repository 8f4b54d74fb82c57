import { type BootstrapStep, planBootstrap } from "#orchestrator/authz/bootstrap-plan.ts";
import { type EnsureDeps, write } from "./ensure-objects.ts";

/** Brings the cluster's own roles and bindings to where they should be. May be repeated. */
export async function ensureRoles(deps: EnsureDeps, signal: AbortSignal): Promise<void> {
  const take = async (step: BootstrapStep) => {
    const { path, name } = placeOf(step);
    if (step.do === "update") return await write(deps, "PUT", `${path}/${name}`, step.object, signal);
    if (step.do !== "create") await write(deps, "DELETE", `${path}/${name}`, {}, signal);
    await write(deps, "POST", path, step.object, signal);
  };
  await Promise.all(planBootstrap(deps.objects).map(take));
}

function placeOf({ resource, object }: BootstrapStep): { readonly path: string; readonly name: string } {
  const { namespace, name = "" } = object.metadata;
  const [plural = ""] = resource.split(".");
  const where = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return { path: `/apis/rbac.authorization.k8s.io/v1${where}/${plural}`, name };
}
