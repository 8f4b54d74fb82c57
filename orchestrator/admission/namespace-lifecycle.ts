import type { KubeObject } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, findFresh, isFor, refuse } from "./support.ts";

type Namespace = KubeObject & { readonly status?: { readonly phase?: string } };

const lasting = new Set(["default", "kube-system", "kube-public"]);
/** Asked about namespaces that may not be there. */
const reviews = new Set(["localsubjectaccessreviews.authorization.k8s.io"]);

/** Nothing is made in a namespace that is not there or on its way out; the cluster's own ones stay. */
export function namespaceLifecycle(deps: AdmissionDeps): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    async admit(request, signal) {
      const { operation, name } = request;
      if (isFor(request, "namespaces") && operation === "DELETE" && lasting.has(name))
        throw failure(
          "Forbidden",
          `namespaces ${JSON.stringify(name)} is forbidden: this namespace may not be deleted`,
          {
            name,
            kind: "namespaces",
          },
        );
      if (needsNamespace(request)) await checkNamespace(deps, request, signal);
    },
  };
}

function needsNamespace({ namespace = "", operation, resource }: Admission): boolean {
  if (namespace === "" || operation === "DELETE") return false;
  const name = qualified(resource);
  return name !== "namespaces" && !reviews.has(name);
}

async function checkNamespace(deps: AdmissionDeps, request: Admission, signal: AbortSignal): Promise<void> {
  const { namespace: name = "", operation } = request;
  const namespace = await findFresh<Namespace>(deps, "namespaces", undefined, name, signal);
  if (namespace === undefined)
    throw failure("NotFound", `namespaces ${JSON.stringify(name)} not found`, { name, kind: "namespaces" });
  const isEnding =
    namespace.status?.phase === "Terminating" || namespace.metadata.deletionTimestamp !== undefined;
  if (operation !== "CREATE" || !isEnding) return;
  throw refuse(request, `unable to create new content in namespace ${name} because it is being terminated`, [
    {
      reason: "NamespaceTerminating",
      message: `namespace ${name} is being terminated`,
      field: "metadata.namespace",
    },
  ]);
}
