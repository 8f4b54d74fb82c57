import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { KubeResource } from "#client/kube/kube-resource.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type LabelRequirements, matchesLabels } from "#orchestrator/machinery/label-selector.ts";
import { controllerIndex, controllerOf, controllerReference, orphanIndex } from "./owner.ts";

export interface Claim<O extends KubeObject, T extends KubeObject> {
  readonly owner: O;
  readonly ownerResource: KubeResource<O>;
  readonly resource: KubeResource<T>;
  /** With the indexes of owner.ts. */
  readonly cache: IndexedCache<T>;
  readonly selector: LabelRequirements;
  /** Whether it may be taken at all. Absent: everything may. */
  readonly isWanted?: (object: T) => boolean;
}

/**
 * The objects that are the owner's: those that it controls and selects, those without a controller that it selects, which it
 * adopts, but not those that it controls and no longer selects, which it lets go.
 *
 * @see Kubernetes, controller-ref-manager
 */
export async function claimObjects<O extends KubeObject, T extends KubeObject>(
  kube: KubeClient,
  claim: Claim<O, T>,
  signal: AbortSignal,
): Promise<T[]> {
  const { owner, cache, selector, isWanted = () => true } = claim;
  const isGoing = owner.metadata.deletionTimestamp !== undefined;
  const claimed: T[] = [];
  // copies: the cache changes while we wait
  const own = [...cache.by(controllerIndex, owner.metadata.uid ?? "")];
  for (const object of own)
    if (isWanted(object) && matchesLabels(selector, object.metadata.labels)) claimed.push(object);
    else if (!isGoing) await release(kube, claim, object, signal);
  if (isGoing) return claimed;
  let mayAdopt: Promise<void> | undefined;
  const orphans = [...cache.by(orphanIndex, owner.metadata.namespace ?? "")];
  for (const object of orphans) {
    if (object.metadata.deletionTimestamp !== undefined || !isWanted(object)) continue;
    if (!matchesLabels(selector, object.metadata.labels)) continue;
    mayAdopt ??= assertAlive(kube, claim, signal);
    await mayAdopt;
    if (await adopt(kube, claim, object, signal)) claimed.push(object);
  }
  return claimed;
}

/** The cache may be behind: an owner that is being deleted, or another one of the name, adopts nothing. */
async function assertAlive<O extends KubeObject, T extends KubeObject>(
  kube: KubeClient,
  { owner, ownerResource }: Claim<O, T>,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = "", uid } = owner.metadata;
  const fresh = await kube.of(ownerResource).get({ namespace, name }, signal);
  if (fresh.metadata.uid !== uid)
    throw new Error(
      `original ${ownerResource.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata.uid}, wanted ${uid}`,
    );
  if (fresh.metadata.deletionTimestamp !== undefined)
    throw new Error(`${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
}

async function adopt<O extends KubeObject, T extends KubeObject>(
  kube: KubeClient,
  { owner, ownerResource, resource }: Claim<O, T>,
  object: T,
  signal: AbortSignal,
): Promise<boolean> {
  const { namespace, name = "", uid } = object.metadata;
  const patch = { metadata: { ownerReferences: [controllerReference(ownerResource, owner)], uid } };
  return await patched(kube.of(resource).patch({ namespace, name }, patch, { type: "strategic" }, signal));
}

async function release<O extends KubeObject, T extends KubeObject>(
  kube: KubeClient,
  { owner, resource }: Claim<O, T>,
  object: T,
  signal: AbortSignal,
): Promise<void> {
  if (controllerOf(object)?.uid !== owner.metadata.uid) return;
  const { namespace, name = "", uid } = object.metadata;
  const patch = { metadata: { ownerReferences: [{ $patch: "delete", uid: owner.metadata.uid }], uid } };
  await patched(kube.of(resource).patch({ namespace, name }, patch, { type: "strategic" }, signal));
}

/** False when the object has gone, or is another one of the same name. */
async function patched(patch: Promise<unknown>): Promise<boolean> {
  try {
    await patch;
    return true;
  } catch (error) {
    if (isStatus(error, "NotFound") || isStatus(error, "Invalid") || isStatus(error, "Conflict"))
      return false;
    throw error;
  }
}
