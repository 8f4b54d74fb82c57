import type { ObjectMeta } from "#api/kube/meta.ts";

type Owners = Pick<ObjectMeta, "ownerReferences">;

function controllerOf({ ownerReferences = [] }: Owners) {
  return ownerReferences.find(({ controller }) => controller === true);
}

/** `ReplicaSet/web-5d4f`: who controls an object. */
export function controllerText(metadata: Owners): string | undefined {
  const owner = controllerOf(metadata);
  return owner === undefined ? undefined : `${owner.kind}/${owner.name}`;
}

export function isControlledBy(metadata: Owners, uid: string | undefined): boolean {
  const owner = controllerOf(metadata);
  return owner !== undefined && owner.uid === uid;
}
