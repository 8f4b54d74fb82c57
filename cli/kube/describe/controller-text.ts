import type { ObjectMeta } from "#api/kube/meta.ts";

/** `ReplicaSet/web-5d4f`: who controls an object. */
export function controllerText({ ownerReferences = [] }: ObjectMeta): string | undefined {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  return owner === undefined ? undefined : `${owner.kind}/${owner.name}`;
}
