import { failure, type StatusError } from "#api/kube/status.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { TokenRequest } from "#orchestrator/authn/token-request.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { nodeNameOf } from "./node-name.ts";

/**
 * A node gets tokens for its pods only: bound to one, and for audiences that the pod's volumes name.
 *
 * @throws {StatusError} `Forbidden`
 * @see Kubernetes, NodeRestriction
 */
export function checkNodeToken(
  objects: ObjectReader,
  user: User,
  of: { readonly namespace: string; readonly name: string },
  { spec = {} }: TokenRequest,
): void {
  const node = nodeNameOf(user);
  if (node === undefined) return;
  const { boundObjectRef, audiences = [] } = spec;
  if (boundObjectRef?.kind !== "Pod" || (boundObjectRef.name ?? "") === "")
    throw refuse(of.name, "node requested token not bound to a pod");
  if ((boundObjectRef.uid ?? "") === "")
    throw refuse(of.name, "node requested token with a pod binding without a uid");
  const pod = objects.find<Pod>("pods", of.namespace, boundObjectRef.name ?? "");
  // What is not there, or somebody else's, createToken refuses.
  if (pod === undefined) return;
  if (pod.spec.nodeName !== node)
    throw refuse(of.name, "node requested token bound to a pod scheduled on a different node");
  const named = (pod.spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
      serviceAccountToken === undefined ? [] : [serviceAccountToken.audience ?? ""],
    ),
  );
  for (const audience of audiences.length === 0 ? [""] : audiences)
    if (!named.includes(audience))
      throw refuse(
        of.name,
        `audience ${JSON.stringify(audience)} not found in pod spec volume, ${JSON.stringify(user.name)} is not authorized to request tokens for this audience`,
      );
}

function refuse(name: string, problem: string): StatusError {
  return failure("Forbidden", `serviceaccounts ${JSON.stringify(name)} is forbidden: ${problem}`, {
    name,
    kind: "serviceaccounts",
  });
}
