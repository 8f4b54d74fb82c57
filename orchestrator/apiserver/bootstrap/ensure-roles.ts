import type { Log } from "#base/log.ts";
import { readText } from "#client/streams.ts";
import type { Transport } from "#client/transport.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { type BootstrapStep, planBootstrap } from "#orchestrator/authz/bootstrap-plan.ts";

/** Brings the cluster's own roles and bindings to where they should be. May be repeated. */
export async function ensureRoles(
  objects: ObjectReader,
  transport: Transport,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const send = async (method: "POST" | "PUT" | "DELETE", path: string, object?: object) => {
    const bytes = Buffer.from(JSON.stringify(object ?? {}));
    const headers = { "user-agent": "gantry-server" };
    const answer = await transport.send(
      { method, path, headers, body: { type: "application/json", bytes } },
      signal,
    );
    const text = await readText(answer.body);
    if (answer.status < 300 || answer.status === 409) return;
    log.warn("a role of the cluster's own was not made", {
      path,
      status: answer.status,
      answer: text.slice(0, 500),
    });
  };
  const take = async (step: BootstrapStep) => {
    const { path, name } = placeOf(step);
    if (step.do === "create") return await send("POST", path, step.object);
    if (step.do === "update") return await send("PUT", `${path}/${name}`, step.object);
    await send("DELETE", `${path}/${name}`);
    await send("POST", path, step.object);
  };
  await Promise.all(planBootstrap(objects).map(take));
}

function placeOf({ resource, object }: BootstrapStep): { readonly path: string; readonly name: string } {
  const { namespace, name = "" } = object.metadata;
  const [plural = ""] = resource.split(".");
  const where = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return { path: `/apis/rbac.authorization.k8s.io/v1${where}/${plural}`, name };
}
