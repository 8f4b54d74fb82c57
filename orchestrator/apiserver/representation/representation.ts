import type { KubeObject } from "#api/kube/meta.ts";
import type { Revision } from "#orchestrator/storage/store.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import type { ListResult } from "../cache/list-page.ts";
import type { WatchEncoder } from "../cache/watch-stream.ts";

/** How objects of a resource are written for one client. */
export interface Representation {
  /** Of a single object, and of lists. */
  readonly contentType: string;
  readonly watchContentType: string;
  object(object: KubeObject): Uint8Array;
  cached(object: CachedObject): Uint8Array;
  /** Piece by piece, so that no list is in memory as a whole. */
  list(page: ListResult): Iterable<Uint8Array>;
  readonly watch: WatchEncoder;
}

/** It has nothing but its revision. */
export function bookmarkObject(
  kind: string,
  apiVersion: string,
  revision: Revision,
  isInitialEnd: boolean,
): KubeObject {
  return {
    kind,
    apiVersion,
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null as unknown as string,
      ...(isInitialEnd && { annotations: { "k8s.io/initial-events-end": "true" } }),
    },
  };
}
