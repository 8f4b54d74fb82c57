import type { KubeObject } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { WorkQueue } from "#base/work-queue.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import type { Informer } from "#orchestrator/informers/informer.ts";
import type { Expectations } from "../expectations.ts";
import { controllerOf } from "../owner.ts";
import { slowStart } from "../slow-start.ts";
import { createPod, deletePod, isNamespaceTerminating, type PodControlDeps } from "./pod-control.ts";

export interface ExpectedPodsDeps extends PodControlDeps {
  readonly expectations: Expectations;
}

/** The key of the pod's controller, if that is of the kind. */
export function ownerKeyOf(kind: string, pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === kind ? `${pod.metadata.namespace}/${owner.name}` : undefined;
}

/** Has owners looked at whose pods come, change or go, and ticks off what was expected of them. */
export function watchOwnedPods(
  informer: Informer<Pod>,
  kind: string,
  expectations: Expectations,
  queue: WorkQueue,
): void {
  const seen = (pod: Pod, isGoing: boolean) => {
    const key = ownerKeyOf(kind, pod);
    if (key === undefined) return;
    if (isGoing) expectations.deletionSeen(key, keyOf(pod));
    queue.add(key);
  };
  informer.handle({
    added(pod) {
      const key = ownerKeyOf(kind, pod);
      if (key !== undefined) expectations.creationSeen(key);
      seen(pod, pod.metadata.deletionTimestamp !== undefined);
    },
    updated(pod, before) {
      seen(pod, pod.metadata.deletionTimestamp !== undefined);
      const keyBefore = ownerKeyOf(kind, before);
      if (keyBefore !== undefined && keyBefore !== ownerKeyOf(kind, pod)) queue.add(keyBefore);
    },
    deleted: (pod) => seen(pod, true),
  });
}

/**
 * Makes so many pods for the owner, few at first.
 *
 * @returns the first failure; a namespace that is being deleted is none
 */
export async function createPods(
  deps: ExpectedPodsDeps,
  owner: KubeObject,
  count: number,
  podAt: (index: number) => Pod,
  signal: AbortSignal,
): Promise<unknown> {
  const { expectations } = deps;
  const key = keyOf(owner);
  expectations.expectCreations(key, count);
  const { done, error } = await slowStart(count, (at) => createPod(deps, owner, podAt(at), signal));
  for (let missing = count - done; missing > 0; missing--) expectations.creationSeen(key);
  return isNamespaceTerminating(error) ? undefined : error;
}

/**
 * Deletes the owner's pods; those that have gone already are as good.
 *
 * @returns the first failure: what failed is no longer expected, so that it can be tried again
 */
export async function deletePods(
  deps: ExpectedPodsDeps,
  owner: KubeObject,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<unknown> {
  const { expectations } = deps;
  const key = keyOf(owner);
  expectations.expectDeletions(key, pods.map(keyOf));
  let failed: unknown;
  const remove = async (pod: Pod) => {
    try {
      await deletePod(deps, owner, pod, signal);
    } catch (error) {
      expectations.deletionSeen(key, keyOf(pod));
      if (!isStatus(error, "NotFound")) failed ??= error;
    }
  };
  await Promise.all(pods.map(remove));
  return failed;
}
