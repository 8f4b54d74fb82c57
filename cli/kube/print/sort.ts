import { compareNaturally } from "../../output/natural-order.ts";
import { KubeFailure } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import { relaxedPath } from "./json-path-template.ts";
import type { KubeTable } from "./table.ts";

/** Objects by a field of theirs; those without it come first. @throws {KubeFailure} when none has it */
export function sortObjects<T>(objects: readonly T[], path: string): readonly T[] {
  return sorted(objects, path, (object) => object);
}

/** Rows of each table by a field of their objects. @throws {KubeFailure} when none has it */
export function sortTables<T extends { readonly table: KubeTable }>(
  all: readonly T[],
  path: string,
): readonly T[] {
  return all.map((one) => ({
    ...one,
    table: { ...one.table, rows: sorted(one.table.rows ?? [], path, ({ object }) => object) },
  }));
}

function sorted<T>(
  items: readonly T[],
  path: string,
  objectOf: (item: T) => KubeFields | T | undefined,
): readonly T[] {
  const values = relaxedPath(path);
  const keyed = items.map((item) => ({ item, key: values(objectOf(item))[0] }));
  if (items.length > 0 && keyed.every(({ key }) => key === undefined))
    throw new KubeFailure(`error: couldn't find any field with path "${path}" in the list of objects`);
  return keyed.toSorted((a, b) => compare(a.key, b.key)).map(({ item }) => item);
}

function compare(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return compareNaturally(String(a as string), String(b as string));
}
