import { type Atom, atomic, atomOfField, deduced, type ListAtom, type MapAtom } from "./atom.ts";
import {
  type FieldSet,
  type FieldSetBuilder,
  insert,
  isEmpty,
  type Path,
  recursiveDifference,
  union,
} from "./field-set.ts";
import { findFieldName } from "./path-element.ts";

/** A set that was made when what is one value now had fields of its own: it owns the value, not what is within it. */
export function reconciled(atom: Atom, set: FieldSet): FieldSet {
  const changed: FieldSetBuilder = new Map();
  visit(changed, atom, set, false, []);
  return changed.size === 0 ? set : union(recursiveDifference(set, changed), changed);
}

function visit(changed: FieldSetBuilder, atom: Atom, set: FieldSet, isWhole: boolean, path: Path): void {
  if (atom === deduced || atom === atomic) return;
  if (atom.map !== undefined) visitMap(changed, atom.map, set, isWhole, path);
  else if (atom.scalar === undefined && atom.list !== undefined)
    visitList(changed, atom.list, set, isWhole, path);
}

function visitMap(changed: FieldSetBuilder, map: MapAtom, set: FieldSet, isWhole: boolean, path: Path): void {
  if (!map.hasFields && map.values === deduced) return;
  if (map.isAtomic) {
    if (!isWhole && !isEmpty(set)) insert(changed, path);
    return;
  }
  for (const [element, node] of set) {
    const name = findFieldName(element);
    const atom = name === undefined ? map.values : atomOfField(map, name);
    if (atom !== undefined) visit(changed, atom, node.children, isLeaf(node), [...path, element]);
  }
}

function visitList(
  changed: FieldSetBuilder,
  list: ListAtom,
  set: FieldSet,
  isWhole: boolean,
  path: Path,
): void {
  if (list.isAtomic) {
    if (!isWhole) insert(changed, path);
    return;
  }
  for (const [element, node] of set)
    visit(changed, list.items, node.children, isLeaf(node), [...path, element]);
}

function isLeaf(node: { readonly isMember: boolean; readonly children: FieldSet }): boolean {
  return node.isMember && node.children.size === 0;
}

/** The set with every field of a type that it has something in: a set of `a.b.c` has `a` and `a.b` too where these are fields. */
export function withNamedFields(atom: Atom | undefined, set: FieldSet): FieldSet {
  return new Map(
    set.entries().map(([element, { isMember, children }]) => {
      const name = findFieldName(element);
      const isNamed = name !== undefined && children.size > 0 && atom?.map?.findField(name) !== undefined;
      const within = children.size === 0 ? children : withNamedFields(atomWithin(atom, element), children);
      return [element, { isMember: isMember || isNamed, children: within }] as const;
    }),
  );
}

function atomWithin(atom: Atom | undefined, element: string): Atom | undefined {
  const name = findFieldName(element);
  if (name !== undefined) return atom?.map === undefined ? undefined : atomOfField(atom.map, name);
  return element.startsWith("k:") ? atom?.list?.items : undefined;
}
