import type { KubeObject, OwnerReference } from "#api/kube/meta.ts";
import { apiVersionOf, type KubeResource } from "#client/kube/kube-resource.ts";

/** The reference to who manages the object, if somebody does. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** A reference that makes the owner the controller of what carries it. */
export function controllerReference(resource: KubeResource, owner: KubeObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: owner.metadata.name ?? "",
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Of an index: what an object is found by, by the uid of its controller. */
export function byController(object: KubeObject): readonly string[] {
  const owner = controllerOf(object);
  return owner === undefined ? [] : [owner.uid];
}

/** Of an index: the namespace of what nobody manages. */
export function byOrphanage(object: KubeObject): readonly string[] {
  return controllerOf(object) === undefined ? [object.metadata.namespace ?? ""] : [];
}

/** Names of the indexes above. */
export const [controllerIndex, orphanIndex] = ["controller", "orphan"] as const;
