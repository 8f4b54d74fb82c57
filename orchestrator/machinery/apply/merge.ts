import { type Atom, atomOfField, findList, findObject, formOf, type ListAtom, type MapAtom } from "./atom.ts";
import { elementOfValid } from "./list-items.ts";
import type { PathElement } from "./path-element.ts";

/**
 * A live value with what is applied: its leaves win, nothing is removed. What is absent is undefined.
 *
 * Items of a list that is merged keep the order of the live value where the applied one changes nothing of it, and have the order of
 * the applied one where it does.
 */
export function merge(atom: Atom, live: unknown, applied: unknown): unknown {
  const form = formOf(atom, applied === undefined ? live : applied);
  if (form.map !== undefined) return mergeMap(form.map, live, applied);
  if (form.scalar === undefined && form.list !== undefined) return mergeList(form.list, live, applied);
  return applied === undefined ? live : applied;
}

function mergeMap(map: MapAtom, live: unknown, applied: unknown): unknown {
  const [left, right] = [findObject(live) ?? {}, findObject(applied) ?? {}];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  if (map.isAtomic || names.size === 0) return applied === undefined ? live : applied;
  const merged: [string, unknown][] = [];
  for (const name of names) {
    const own = Object.hasOwn(left, name) ? left[name] : undefined;
    const other = Object.hasOwn(right, name) ? right[name] : undefined;
    const value = merge(atomOfField(map, name), own, other);
    if (value !== undefined) merged.push([name, value]);
  }
  return merged.length === 0 ? undefined : Object.fromEntries(merged);
}

function mergeList(list: ListAtom, live: unknown, applied: unknown): unknown {
  const [left, right] = [findList(live) ?? [], findList(applied) ?? []];
  if (list.isAtomic || (left.length === 0 && right.length === 0))
    return applied === undefined ? live : applied;
  const merged = mergeItems(list, left, right).filter((item) => item !== undefined);
  return merged.length === 0 ? undefined : merged;
}

function mergeItems(list: ListAtom, left: readonly unknown[], right: readonly unknown[]): readonly unknown[] {
  const leftNames = left.map((item) => elementOfValid(list, item));
  const rightNames = right.map((item) => elementOfValid(list, item));
  const before = itemsByName(left, leftNames);
  const own = itemsByName(right, rightNames);
  const mergeNamed = (name: PathElement) => merge(list.items, before.get(name), own.get(name));
  return plannedOrder(leftNames, rightNames).map((step) =>
    step.from === "live" ? merge(list.items, left[step.at], undefined) : mergeNamed(step.name),
  );
}

/** An item that is there more than once is null: what is applied takes its place. */
function itemsByName(
  items: readonly unknown[],
  names: readonly PathElement[],
): ReadonlyMap<PathElement, unknown> {
  const found = new Map<PathElement, unknown>();
  names.forEach((name, at) => found.set(name, found.has(name) ? null : items[at]));
  return found;
}

type Step =
  | { readonly from: "live"; readonly at: number }
  | { readonly from: "both"; readonly name: PathElement };

/** The order of all items: walks both lists, and takes of the live one what is not in the other as it comes. */
function plannedOrder(left: readonly PathElement[], right: readonly PathElement[]): readonly Step[] {
  const [inLeft, inRight, done] = [new Set(left), new Set(right), new Set<PathElement>()];
  const shared = right.filter((name) => inLeft.has(name));
  const steps: Step[] = [];
  let nextShared = 0;
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const [ours, theirs] = [left[l], right[r]];
    if (ours !== undefined && theirs !== undefined) {
      if (ours === theirs) {
        steps.push({ from: "both", name: ours });
        done.add(ours);
        l++;
        r++;
        nextShared++;
        continue;
      }
      const awaited = shared[nextShared];
      if (inRight.has(ours) && awaited !== undefined && awaited !== ours) {
        l++; // shared, but not the one whose turn it is
        continue;
      }
    }
    if (ours !== undefined) {
      if (!inRight.has(ours)) {
        steps.push({ from: "live", at: l++ });
        continue;
      }
      if (done.has(ours)) l++;
    }
    if (theirs !== undefined) {
      steps.push({ from: "both", name: theirs });
      done.add(theirs);
      r++;
      if (shared[nextShared] === theirs) nextShared++;
    }
  }
  return steps;
}
