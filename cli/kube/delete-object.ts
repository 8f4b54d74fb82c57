import type { DeleteOptions } from "#api/kube/meta.ts";
import { isStatus, type Status } from "#api/kube/status.ts";
import { collectionPath, objectPath } from "#client/kube/kube-resource.ts";
import { watchEvents } from "#client/kube/watch-events.ts";
import type { KubeFields } from "./manifests.ts";
import type { Kube } from "./session.ts";
import type { ObjectTarget } from "./targets.ts";
import { findLiveObject } from "./write-object.ts";

/** Deletes an object; resolves to its UID where the server tells. @throws {StatusError} */
export async function deleteObject(
  { requests }: Kube,
  { resource, namespace, name }: ObjectTarget,
  options: DeleteOptions,
  isDryRun: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const body = { kind: "DeleteOptions", apiVersion: "v1", ...options };
  const query = { dryRun: isDryRun ? "All" : undefined };
  const path = objectPath(resource, { namespace, name });
  const answer = await requests.json<KubeFields | Status>({ method: "DELETE", path, query, body }, signal);
  if (answer.kind === "Status") return (answer as Status).details?.uid;
  return (answer as KubeFields).metadata?.uid;
}

/** Resolves when the object is gone, or another one has its name. @throws {StatusError} */
export async function untilGone(
  kube: Kube,
  target: ObjectTarget,
  uid: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const found = await findLiveObject(kube, target, signal);
    if (found === undefined || (uid !== undefined && found.metadata?.uid !== uid)) return;
    if (await isDeletedWhileWatched(kube, target, found, signal)) return;
  }
}

/** False when the watch has ended before. */
async function isDeletedWhileWatched(
  { requests }: Kube,
  { resource, namespace, name }: ObjectTarget,
  { metadata }: KubeFields,
  signal: AbortSignal,
): Promise<boolean> {
  const query = {
    watch: true,
    fieldSelector: `metadata.name=${name}`,
    resourceVersion: metadata?.resourceVersion,
  };
  try {
    const path = collectionPath(resource, namespace);
    const body = await requests.open({ method: "GET", path, query }, signal);
    for await (const { type } of watchEvents(body)) if (type === "DELETED") return true;
    return false;
  } catch (error) {
    if (isStatus(error, "Expired") || isStatus(error, "Gone")) return false;
    throw error;
  }
}
