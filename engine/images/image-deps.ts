import type { KeyedLock } from "#base/keyed-lock.ts";
import type { Platform } from "#oci/platform.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import type { EventSink } from "#engine/events/events.ts";
import type { Collector } from "#engine/gc/collector.ts";
import type { Leases } from "#engine/gc/leases.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { Admission } from "./admission.ts";
import type { ImageStore } from "./image-store.ts";
import type { ImageUse } from "./images.ts";

/** What the operations on images share. */
export interface ImageDeps {
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly snapshots: Snapshotter;
  readonly leases: Leases;
  readonly collector: Collector;
  readonly use: ImageUse;
  readonly events: EventSink;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly platform: Platform;
  readonly admission: Admission;
  /** Held, by {@link changing}, while records are looked at and changed. */
  readonly lock: KeyedLock;
}

/** Runs `work` while nobody else changes images or names. Long work is done before. */
export function changing<T>(deps: ImageDeps, work: () => Promise<T>): Promise<T> {
  return deps.lock.run("images", work);
}

/** As Docker does: the actor is the image ID, and so is its name unless the event is about a name. */
export function publish(
  deps: ImageDeps,
  action: "load" | "save" | "import" | "pull" | "push" | "tag" | "untag" | "delete" | "alter",
  id: string,
  options: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> | null | undefined },
): void {
  deps.events.publish("image", action, id, { ...options.labels, name: options.name ?? id });
}
