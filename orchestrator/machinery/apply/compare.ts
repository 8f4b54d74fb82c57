import { isSameJson } from "../json-equal.ts";
import {
  type Atom,
  atomOfField,
  findList,
  findObject,
  formOf,
  isSameForm,
  type ListAtom,
  type MapAtom,
} from "./atom.ts";
import {
  childOf,
  type FieldSet,
  type FieldSetBuilder,
  insert,
  nodeAt,
  type NodeBuilder,
  type Path,
} from "./field-set.ts";
import { elementOfValid } from "./list-items.ts";
import { fieldElement, type PathElement } from "./path-element.ts";

/** What changed from one value to another. No field is in more than one of the sets. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

type Sets = { readonly [Name in keyof Comparison]: FieldSetBuilder };

/** Compares valid values; what is absent is undefined. */
export function compare(atom: Atom, before: unknown, after: unknown): Comparison {
  const sets: Sets = { removed: new Map(), modified: new Map(), added: new Map() };
  visit(sets, atom, before, after, []);
  return sets;
}

function visit(sets: Sets, atom: Atom, before: unknown, after: unknown, path: Path): void {
  if (before === undefined) {
    insertAll(nodeAt(sets.added, path), atom, after);
    return;
  }
  const [left, right] = [formOf(atom, before), formOf(atom, after)];
  let isLeaf: boolean;
  if (after === undefined) isLeaf = visitForm(sets, left, before, after, path);
  else if (isSameForm(left, right)) isLeaf = visitForm(sets, right, before, after, path);
  else {
    visitForm(sets, left, before, after, path);
    isLeaf = visitForm(sets, right, before, after, path);
  }
  if (!isLeaf && after === undefined) insert(sets.removed, path);
}

/** All of a value that was not there before, itself too. Without paths: most of what is ever compared is objects that are made. */
function insertAll(node: NodeBuilder, atom: Atom, value: unknown): void {
  node.isMember = true;
  const { map, scalar, list } = formOf(atom, value);
  if (map !== undefined) {
    if (map.isAtomic) return;
    const members = findObject(value) ?? {};
    for (const name of Object.keys(members))
      insertAll(childOf(node.children, fieldElement(name)), atomOfField(map, name), members[name]);
  } else if (scalar === undefined && list !== undefined && !list.isAtomic) {
    for (const [element, items] of byElements(list, findList(value) ?? [])) {
      const child = childOf(node.children, element);
      if (items.length === 1) insertAll(child, list.items, items[0]);
      else child.isMember = true;
    }
  }
}

/** @returns whether the value was compared as a whole */
function visitForm(sets: Sets, form: Atom, before: unknown, after: unknown, path: Path): boolean {
  if (form.map !== undefined) return visitMap(sets, form.map, before, after, path);
  if (form.scalar === undefined && form.list !== undefined)
    return visitList(sets, form.list, before, after, path);
  return compareWhole(sets, before, after, path);
}

function compareWhole(sets: Sets, before: unknown, after: unknown, path: Path): true {
  if (after === undefined) insert(sets.removed, path);
  else if (!isSameJson(before, after)) insert(sets.modified, path);
  return true;
}

function visitMap(sets: Sets, map: MapAtom, before: unknown, after: unknown, path: Path): boolean {
  const [left, right] = [findObject(before) ?? {}, findObject(after) ?? {}];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  if (map.isAtomic || names.size === 0) return compareWhole(sets, before, after, path);
  for (const name of names) {
    const [own, other] = [memberOf(left, name), memberOf(right, name)];
    visit(sets, atomOfField(map, name), own, other, [...path, fieldElement(name)]);
  }
  return false;
}

function memberOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function visitList(sets: Sets, list: ListAtom, before: unknown, after: unknown, path: Path): boolean {
  const [left, right] = [findList(before) ?? [], findList(after) ?? []];
  if (list.isAtomic || (left.length === 0 && right.length === 0))
    return compareWhole(sets, before, after, path);
  const [own, other] = [byElements(list, left), byElements(list, right)];
  for (const element of new Set([...own.keys(), ...other.keys()]))
    visitItems(sets, list.items, own.get(element) ?? [], other.get(element) ?? [], [...path, element]);
  return false;
}

function byElements(list: ListAtom, items: readonly unknown[]): ReadonlyMap<PathElement, readonly unknown[]> {
  const all = new Map<PathElement, unknown[]>();
  for (const item of items) {
    const element = elementOfValid(list, item);
    const same = all.get(element);
    if (same === undefined) all.set(element, [item]);
    else same.push(item);
  }
  return all;
}

/** Items of one name: usually one before and after. Those that are there more often are compared as a whole. */
function visitItems(
  sets: Sets,
  atom: Atom,
  before: readonly unknown[],
  after: readonly unknown[],
  path: Path,
): void {
  if (before.length <= 1 && after.length <= 1) visit(sets, atom, before[0], after[0], path);
  else if (before.length > 1 && after.length > 1) {
    if (!isSameJson(before, after)) insert(sets.modified, path);
  } else if (before.length > 1) {
    if (after.length > 0) visit(sets, atom, undefined, after[0], path);
    insert(sets.removed, path);
  } else {
    if (before.length > 0) visit(sets, atom, before[0], undefined, path);
    insert(sets.added, path);
  }
}
