import { collectionPath } from "#client/kube/kube-resource.ts";
import { watchEvents } from "#client/kube/watch-events.ts";
import type { Context } from "../context.ts";
import type { KubeFields } from "./manifests.ts";
import { readPages } from "./read-objects.ts";
import type { Kube } from "./session.ts";
import { readRequest, type Target } from "./targets.ts";

export interface WatchRequest {
  readonly accept: string | undefined;
  /** What is there at first is not shown. */
  readonly isOnlyChanges: boolean;
  readonly chunkSize?: number;
}

/**
 * Shows what a target names, and then its changes, until the server ends the watch or the command is stopped.
 *
 * @param show told each page or object, and what its change is
 */
export async function watchObjects(
  { kube, signal }: Context & { readonly kube: Kube },
  target: Target,
  { accept, isOnlyChanges, chunkSize }: WatchRequest,
  show: (type: string, object: KubeFields) => void,
): Promise<void> {
  const options = { ...(accept !== undefined && { accept }), ...(chunkSize !== undefined && { chunkSize }) };
  let resourceVersion = "";
  for await (const page of readPages(kube, target, options, signal)) {
    resourceVersion = page.metadata?.resourceVersion ?? "";
    if (isOnlyChanges) continue;
    const items = accept === undefined && target.is === "list" ? (page.items ?? []) : [page];
    for (const item of items) show("ADDED", item);
  }
  const { resource, namespace } = target;
  const selection =
    target.is === "list" ? readRequest(target).query : { fieldSelector: `metadata.name=${target.name}` };
  const body = await kube.requests.open(
    {
      method: "GET",
      path: collectionPath(resource, namespace),
      query: { ...selection, watch: true, resourceVersion },
      ...(accept !== undefined && { accept }),
    },
    signal,
  );
  for await (const { type, object } of watchEvents(body))
    if (type !== "BOOKMARK") show(type, object as unknown as KubeFields);
  signal.throwIfAborted();
}
