import type { KubeObject } from "#api/kube/meta.ts";
import type { Status } from "#api/kube/status.ts";
import type { ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { Revision } from "#orchestrator/storage/store.ts";
import type { CachedObject } from "./cache/cached-object.ts";
import type { ListResult } from "./cache/list-page.ts";
import type { WatchEncoder } from "./cache/watch-stream.ts";

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

const encoder = new TextEncoder();
const comma = encoder.encode(",");
const listEnd = encoder.encode("]}\n");

/** Objects as they are, in JSON. What is cached is already written. */
export function jsonRepresentation(definition: ResourceDefinition, apiVersion: string): Representation {
  const { kind, listKind } = definition;
  const json = (value: unknown) => encoder.encode(`${JSON.stringify(value)}\n`);
  return {
    contentType: "application/json",
    watchContentType: "application/json",
    object: json,
    cached: (object) => object.json,
    *list(page) {
      const head = { kind: listKind, apiVersion, metadata: listMetadata(page) };
      yield encoder.encode(`${JSON.stringify(head).slice(0, -1)},"items":[`);
      for (const [index, one] of page.items.entries()) {
        if (index > 0) yield comma;
        yield one.json;
      }
      yield listEnd;
    },
    watch: {
      event: (type, object) => object.frame(type),
      bookmark: (revision, isInitialEnd) =>
        json({ type: "BOOKMARK", object: bookmarkObject(kind, apiVersion, revision, isInitialEnd) }),
      error: (status: Status) => json({ type: "ERROR", object: status }),
    },
  };
}

export function listMetadata(page: ListResult): Readonly<Record<string, unknown>> {
  return {
    resourceVersion: String(page.revision),
    ...(page.continue !== undefined && { continue: page.continue }),
    ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
  };
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
      ...(isInitialEnd && { annotations: { "k8s.io/initial-events-end": "true" } }),
    },
  };
}
