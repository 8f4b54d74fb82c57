import { type Atom, atomOfField, findList, findObject, formOf, type ListAtom, type MapAtom } from "./atom.ts";
import { type FieldSet, type FieldSetBuilder, insert, type Path } from "./field-set.ts";
import { elementOfValid } from "./list-items.ts";
import { fieldElement } from "./path-element.ts";

/** Every field and item that a valid value names: what is owned by whoever applies it. */
export function toFieldSet(atom: Atom, value: unknown): FieldSet {
  const set: FieldSetBuilder = new Map();
  visit(set, atom, value, []);
  return set;
}

function visit(set: FieldSetBuilder, atom: Atom, value: unknown, path: Path): void {
  const form = formOf(atom, value);
  if (form.map !== undefined) visitMap(set, form.map, value, path);
  else if (form.scalar !== undefined) insert(set, path);
  else if (form.list !== undefined) visitList(set, form.list, value, path);
}

function visitMap(set: FieldSetBuilder, map: MapAtom, value: unknown, path: Path): void {
  if (map.isAtomic) return insert(set, path);
  for (const [name, member] of Object.entries(findObject(value) ?? {})) {
    const own = [...path, fieldElement(name)];
    visit(set, atomOfField(map, name), member, own);
    const object = findObject(member);
    const isEmpty = member === null || (object !== undefined && Object.keys(object).length === 0);
    if (isEmpty || map.findField(name) === undefined) insert(set, own);
  }
}

/** Items that are there more than once are owned as a whole. */
function visitList(set: FieldSetBuilder, list: ListAtom, value: unknown, path: Path): void {
  if (list.isAtomic) return insert(set, path);
  const items = (findList(value) ?? []).map((item) => ({ item, element: elementOfValid(list, item) }));
  const counts = new Map<string, number>();
  for (const { element } of items) counts.set(element, (counts.get(element) ?? 0) + 1);
  for (const { item, element } of items) {
    const own = [...path, element];
    if (counts.get(element) === 1) visit(set, list.items, item, own);
    insert(set, own);
  }
}
