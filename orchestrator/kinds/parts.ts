import type { ObjectMeta } from "#api/kube/meta.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { Draft, Strategy } from "#orchestrator/machinery/resource.ts";
import type { Writable } from "./edit.ts";

/** The metadata of a draft, to be changed. */
export function metadataOf(draft: Draft): Writable<ObjectMeta> {
  draft["metadata"] ??= {};
  return draft["metadata"] as Writable<ObjectMeta>;
}

/** A text within a draft, e.g. for field selectors; empty when it is absent. */
export function textAt(draft: Draft, ...path: readonly string[]): string {
  let value: unknown = draft;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return "";
    value = (value as Draft)[key];
  }
  return value === undefined || value === null ? "" : String(value as string | number | boolean);
}

type Prepare = Required<Pick<Strategy, "prepareForCreate" | "prepareForUpdate">>;

/** For kinds whose status only its subresource writes; what counts as the specification is counted in the generation. */
export function keepsStatus(
  options: {
    /** The status of a new object. */
    readonly initial?: () => Draft;
    /** Whether it counts generations, and of changes in which members. */
    readonly counts?: readonly string[];
  } = {},
): Prepare {
  const { initial = () => ({}), counts = ["spec"] } = options;
  return {
    prepareForCreate(object) {
      object["status"] = initial();
      if (counts.length > 0) metadataOf(object).generation = 1;
    },
    prepareForUpdate(next, old) {
      if (old["status"] === undefined) delete next["status"];
      else next["status"] = old["status"];
      countGeneration(next, old, counts);
    },
  };
}

/** For kinds without a status. */
export function countsChanges(counts: readonly string[]): Prepare {
  return {
    prepareForCreate(object) {
      metadataOf(object).generation = 1;
    },
    prepareForUpdate: (next, old) => countGeneration(next, old, counts),
  };
}

function countGeneration(next: Draft, old: Draft, counts: readonly string[]): void {
  if (counts.every((name) => isSameJson(next[name], old[name]))) return;
  metadataOf(next).generation = (metadataOf(old).generation ?? 0) + 1;
}
