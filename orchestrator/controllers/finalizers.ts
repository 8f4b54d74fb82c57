import type { KubeObject } from "#api/kube/meta.ts";
import type { ResourceClient } from "#client/kube/resource-client.ts";

/** Whether the object is being deleted and waits for the finalizer. */
export function waitsFor({ metadata }: KubeObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true;
}

/** Lets the object go, as far as the finalizer kept it. */
export async function dropFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  finalizer: string,
  signal: AbortSignal,
): Promise<void> {
  const finalizers = object.metadata.finalizers?.filter((one) => one !== finalizer) ?? [];
  await client.update({ ...object, metadata: { ...object.metadata, finalizers } }, signal);
}
