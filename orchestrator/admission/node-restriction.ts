import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Node, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { ResourceSlice } from "#api/kube/types/resource.ts";
import { nodeNameOf } from "#orchestrator/authz/node-name.ts";
import { isMirror, mirrorAnnotation, podReferences } from "#orchestrator/authz/pod-references.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { type AdmissionDeps, findFresh, objectOf, refuse } from "./support.ts";

/** Of the API's own labels those that a node may set on itself. */
const ownLabels = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/arch",
  "kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
  "failure-domain.beta.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.kubernetes.io/region",
  "failure-domain.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
]);
const ownPrefixes = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/** What a node's agent writes is about that node and what runs on it. @see Kubernetes, NodeRestriction */
export function nodeRestriction(deps: AdmissionDeps): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    async validate(request, signal) {
      const node = nodeNameOf(request.user);
      if (node === undefined) return;
      if (node === "")
        throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
      switch (qualified(request.resource)) {
        case "pods":
          return await checkPod(deps, node, request, signal);
        case "nodes":
          return checkNode(node, request);
        case "persistentvolumeclaims":
          return checkClaim(node, request);
        case "leases.coordination.k8s.io":
          return checkNamed(
            node,
            request,
            "can only access node lease with the same name as the requesting node",
          );
        case "csinodes.storage.k8s.io":
          return checkNamed(
            node,
            request,
            "can only access CSINode with the same name as the requesting node",
          );
        case "resourceslices.resource.k8s.io":
          return checkSlice(node, request);
        default:
      }
    },
  };
}

async function checkPod(
  deps: AdmissionDeps,
  node: string,
  request: Admission,
  signal: AbortSignal,
): Promise<void> {
  const { operation, subresource } = request;
  const who = `node ${JSON.stringify(node)}`;
  if (operation === "CREATE" && subresource === "") return checkMirror(node, request);
  const pod =
    (request.old as unknown as Pod | undefined) ??
    (await findFresh<Pod>(deps, "pods", request.namespace, request.name, signal));
  const isOwn = pod?.spec.nodeName === node;
  if (subresource === "eviction" && !isOwn)
    throw refuse(request, `${who} can only evict pods with spec.nodeName set to itself`);
  if (operation === "DELETE" && !isOwn)
    throw refuse(request, `${who} can only delete pods with spec.nodeName set to itself`);
  if (operation !== "UPDATE") return;
  if (subresource !== "status")
    throw refuse(
      request,
      `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`,
    );
  if (!isOwn)
    throw refuse(request, `${who} can only update pod status for pods with spec.nodeName set to itself`);
  const next = objectOf<Pod>(request);
  if (!isDeepStrictEqual(next.metadata.labels ?? {}, pod.metadata.labels ?? {}))
    throw refuse(request, `${who} cannot update labels through pod status`);
}

function checkMirror(node: string, request: Admission): void {
  const pod = objectOf<Pod>(request) as Pod;
  const who = `node ${JSON.stringify(node)}`;
  if (!isMirror(pod))
    throw refuse(
      request,
      `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, ${who} can only create mirror pods`,
    );
  if (pod.spec.nodeName !== node)
    throw refuse(request, `${who} can only create pods with spec.nodeName set to itself`);
  const [owner, ...others] = pod.metadata.ownerReferences ?? [];
  if (others.length > 0 || (owner !== undefined && (owner.kind !== "Node" || owner.name !== node)))
    throw refuse(request, `${who} can only create pods with an owner reference set to itself`);
  if ((pod.spec.serviceAccountName ?? "") !== "")
    throw refuse(request, `${who} can not create pods that reference a service account`);
  for (const resource of ["secrets", "configmaps", "persistentvolumeclaims", "resourceclaims"])
    if (podReferences(pod, resource).length > 0)
      throw refuse(request, `${who} can not create pods that reference ${resource}`);
}

function checkNode(node: string, request: Admission): void {
  const who = `node ${JSON.stringify(node)}`;
  const { operation, subresource } = request;
  const next = request.object === undefined ? undefined : (objectOf<Node>(request) as Node);
  const name = request.name || (next?.metadata.name ?? "");
  if (name !== node) throw refuse(request, `${who} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation === "DELETE")
    throw refuse(request, `${who} is not allowed to delete node ${JSON.stringify(name)}`);
  if (next === undefined) return;
  const old = request.old as unknown as Node | undefined;
  if (operation === "CREATE" && next.spec?.configSource !== undefined)
    throw refuse(request, `${who} is not allowed to create pods with a non-nil configSource`);
  if (operation === "UPDATE" && subresource === "") {
    if (!isDeepStrictEqual(next.spec?.taints ?? [], old?.spec?.taints ?? []))
      throw refuse(request, `${who} is not allowed to modify taints`);
    if (!isDeepStrictEqual(next.metadata.ownerReferences ?? [], old?.metadata.ownerReferences ?? []))
      throw refuse(request, `${who} is not allowed to modify ownerReferences`);
  }
  const changed = changedLabels(next, old).filter((label) => !mayLabel(label));
  if (changed.length === 0) return;
  const verb = operation === "CREATE" ? "set the following labels" : "modify labels";
  throw refuse(request, `is not allowed to ${verb}: ${changed.join(", ")}`);
}

function changedLabels(next: KubeObject, old: KubeObject | undefined): readonly string[] {
  const [after, before] = [next.metadata.labels ?? {}, old?.metadata.labels ?? {}];
  const keys = new Set([...Object.keys(after), ...Object.keys(before)]);
  return [...keys].filter((key) => after[key] !== before[key]).toSorted();
}

/** Labels of others' domains are free; of the API's own only some, and of restricted nodes none. */
function mayLabel(label: string): boolean {
  const [prefix = ""] = label.includes("/") ? label.split("/") : [];
  const isUnder = (domain: string) => prefix === domain || prefix.endsWith(`.${domain}`);
  if (isUnder("node-restriction.kubernetes.io")) return false;
  if (!isUnder("kubernetes.io") && !isUnder("k8s.io")) return true;
  return ownLabels.has(label) || ownPrefixes.some(isUnder);
}

/** Only the size that it has grown to. */
function checkClaim(node: string, request: Admission): void {
  if (request.operation !== "UPDATE" || request.subresource !== "status")
    throw refuse(request, `node ${JSON.stringify(node)} can only update persistentvolumeclaim status`);
  const withoutGrowth = (claim: PersistentVolumeClaim) => {
    const { status, metadata, ...rest } = claim;
    const {
      capacity: _1,
      conditions: _2,
      allocatedResourceStatuses: _3,
      allocatedResources: _4,
      ...left
    } = status ?? {};
    const { resourceVersion: _5, managedFields: _6, ...kept } = metadata;
    return { ...rest, metadata: kept, status: left };
  };
  const next = withoutGrowth(objectOf<PersistentVolumeClaim>(request) as PersistentVolumeClaim);
  const before = withoutGrowth(request.old as unknown as PersistentVolumeClaim);
  if (!isDeepStrictEqual(next, before))
    throw refuse(
      request,
      `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`,
    );
}

function checkNamed(node: string, request: Admission, problem: string): void {
  const name =
    request.name || ((request.object?.["metadata"] as KubeObject["metadata"] | undefined)?.name ?? "");
  if (name !== node) throw refuse(request, problem);
}

function checkSlice(node: string, request: Admission): void {
  if (request.operation === "CREATE" && objectOf<ResourceSlice>(request).spec.nodeName !== node)
    throw refuse(request, "can only create ResourceSlice with the same NodeName as the requesting node");
}
