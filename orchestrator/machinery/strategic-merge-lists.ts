import { failure, unexpected } from "#api/kube/status.ts";
import { goValue } from "./go-text.ts";
import { isObject } from "./is-object.ts";
import type { Draft } from "./resource.ts";
import { badDirective, wrongType } from "./strategic-merge-errors.ts";

type List = readonly unknown[];

/** Merges a patch into one item. */
export type MergeObject = (original: Draft, patch: Draft) => Draft;

/** A list with the strategy `merge` and the items that a patch has for it. */
export function mergeItems(original: List, patch: List, mergeKey: string, merge: MergeObject): List {
  if (original.length === 0 && patch.length === 0) return original;
  if (!isListOfObjects(original, patch)) {
    const all = [...new Set([...original, ...patch])];
    return inElementOrder(all, patch, original, "");
  }
  if (mergeKey === "") throw unexpected("cannot merge lists without merge key for struct");
  const [before, own] = byDirectives(original as readonly Draft[], patch as readonly Draft[], mergeKey);
  return inElementOrder(mergeByKey(before, own, mergeKey, merge), own, before, mergeKey);
}

/** A list of scalars without those that a patch takes out of it. */
export function withoutItems(original: List, removed: List, mergeKey: string, merge: MergeObject): List {
  if (original.length === 0 && removed.length === 0) return original;
  if (isListOfObjects(original, removed)) return mergeItems(original, removed, mergeKey, merge);
  const gone = new Set(removed);
  return original.filter((item) => !gone.has(item));
}

/** @throws {StatusError} where there are no items, or not all of one kind */
export function checkItems(...lists: readonly List[]): void {
  if (lists.every((list) => list.length === 0)) throw unexpected("no elements in any of the given slices");
  isListOfObjects(...lists);
}

/**
 * The order by which items that a patch does not name find their place. What the patch adds takes the room in it of what it
 * deletes: upstream changes the list while it reads the order from it, and clients see where their items end.
 */
export function standingOrder(original: List, patch: List, mergeKey: string): List {
  const deleted = patch.filter((item) => isObject(item) && item["$patch"] === "delete");
  if (mergeKey === "" || deleted.length === 0) return original;
  const gone = new Set(keysOf(deleted, mergeKey));
  const left = original.filter((item) => !gone.has(keysOf([item], mergeKey)[0]));
  if (patch.some((item) => isObject(item) && item["$patch"] === "replace")) return left;
  const known = new Set(keysOf(left, mergeKey));
  const added = patch.filter(
    (item) => isObject(item) && !Object.hasOwn(item, "$patch") && !known.has(item[mergeKey]),
  );
  return [...left, ...added.slice(0, original.length - left.length)];
}

/** Whether the items are objects rather than scalars. @throws {StatusError} for a mixture, and for lists of lists */
function isListOfObjects(...lists: readonly List[]): boolean {
  const kinds = new Set(lists.flat(1).map((item) => (isObject(item) ? "object" : typeof item)));
  const first = lists.find((list) => list.length > 0)?.[0];
  if (Array.isArray(first))
    throw failure("Invalid", "the server rejected our request due to an error in our request", {});
  if (kinds.size > 1)
    throw unexpected(`list element types are not identical: [${lists.map(goValue).join(" ")}]`);
  return kinds.has("object");
}

/** Carries out `$patch` in items; what remains is the list before the merge, and the items to merge into it. */
function byDirectives(
  original: readonly Draft[],
  patch: readonly Draft[],
  mergeKey: string,
): readonly [readonly Draft[], readonly Draft[]] {
  let before = original;
  let isReplaced = false;
  const own: Draft[] = [];
  for (const item of patch) {
    const directive = item["$patch"];
    if (!Object.hasOwn(item, "$patch")) own.push(item);
    else if (directive === "replace") isReplaced = true;
    else if (directive === "delete") {
      const key = keyOf(item, mergeKey);
      before = before.filter((each) => !Object.hasOwn(each, mergeKey) || each[mergeKey] !== key);
    } else if (directive === "merge") throw unexpected("merging lists cannot yet be specified in the patch");
    else throw badDirective(directive, item);
  }
  return isReplaced ? [own, []] : [before, own];
}

function mergeByKey(
  original: readonly Draft[],
  patch: readonly Draft[],
  mergeKey: string,
  merge: MergeObject,
): readonly Draft[] {
  const merged = [...original];
  const places = new Map<unknown, number>();
  merged.forEach((item, at) => {
    const key = item[mergeKey];
    if (key !== undefined && !places.has(key)) places.set(key, at);
  });
  for (const item of patch) {
    const key = keyOf(item, mergeKey);
    const place = places.get(key);
    if (place === undefined) places.set(key, merged.push(item) - 1);
    else merged[place] = merge(merged[place] ?? {}, item);
  }
  return merged;
}

/**
 * Items in an order: those that the patch names as it orders them, the others as they stood, put between them where that is
 * possible.
 *
 * @param order items, or objects with their merge keys
 * @param before the list as it was
 */
export function inElementOrder(items: List, order: List, before: List, mergeKey: string): List {
  const [ordered, standing] = [placesOf(order, mergeKey), placesOf(before, mergeKey)];
  const keys = keysOf(items, mergeKey);
  const all = items.map((item, at) => ({ item, key: keys[at] }));
  const own = all.filter(({ key }) => ordered.has(key)).sort(byPlaceIn(ordered));
  const others = all.filter(({ key }) => !ordered.has(key)).sort(byPlaceIn(standing));
  return interleaved(others, own, standing).map(({ item }) => item);
}

interface Keyed {
  readonly item: unknown;
  readonly key: unknown;
}

function placesOf(list: List, mergeKey: string): ReadonlyMap<unknown, number> {
  const places = new Map<unknown, number>();
  keysOf(list, mergeKey).forEach((key, at) => {
    if (!places.has(key)) places.set(key, at);
  });
  return places;
}

function byPlaceIn(places: ReadonlyMap<unknown, number>): (a: Keyed, b: Keyed) => number {
  return (a, b) => (places.get(a.key) ?? -1) - (places.get(b.key) ?? -1);
}

/** Both keep their order; one of the left comes before the next of the right where it stood so before. */
function interleaved(
  left: readonly Keyed[],
  right: readonly Keyed[],
  standing: ReadonlyMap<unknown, number>,
): readonly Keyed[] {
  const all: Keyed[] = [];
  let next = 0;
  for (const item of right) {
    const place = standing.get(item.key);
    for (; next < left.length; next++) {
      const other = left[next];
      const otherPlace = other === undefined ? undefined : standing.get(other.key);
      if (other === undefined || place === undefined || otherPlace === undefined || otherPlace >= place)
        break;
      all.push(other);
    }
    all.push(item);
  }
  return [...all, ...left.slice(next)];
}

/** What names each item: its merge key, or itself. */
export function keysOf(items: List, mergeKey: string): List {
  if (mergeKey === "") return items;
  return items.map((item) => {
    if (!isObject(item)) throw wrongType("map[string]interface {}", item);
    return keyOf(item, mergeKey);
  });
}

function keyOf(item: Draft, mergeKey: string): unknown {
  if (!Object.hasOwn(item, mergeKey))
    throw unexpected(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
  return item[mergeKey];
}
