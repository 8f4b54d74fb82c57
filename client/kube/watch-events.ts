import type { KubeObject } from "#api/kube/meta.ts";
import { type Status, StatusError } from "#api/kube/status.ts";
import { jsonLines } from "../streams.ts";

/** A bookmark's object has a kind, a resourceVersion and annotations only. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

interface WireEvent {
  readonly type: string;
  readonly object: unknown;
}

/** The events of a watch until the server ends it. @throws {StatusError} what an ERROR event says, e.g. `Expired` */
export async function* watchEvents<T extends KubeObject>(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  for await (const { type, object } of jsonLines<WireEvent>(body)) {
    if (type === "ERROR") throw new StatusError(object as Status);
    yield { type: type as WatchEvent["type"], object: object as T };
  }
}

/** Whether the bookmark says that all that was there when the watch began has been told. */
export function endsInitialEvents(event: WatchEvent): boolean {
  return (
    event.type === "BOOKMARK" && event.object.metadata.annotations?.["k8s.io/initial-events-end"] === "true"
  );
}
