import { type Atom, atomOfField, findList, findObject, formOf, type ListAtom, type MapAtom } from "./atom.ts";
import { emptySet, type FieldSet, isEmpty } from "./field-set.ts";
import { elementOfValid } from "./list-items.ts";
import { fieldElement } from "./path-element.ts";

/** A valid value without the fields and items of a set; null where nothing remains. */
export function withoutFields(atom: Atom, value: unknown, removed: FieldSet): unknown {
  const form = formOf(atom, value);
  if (form.map !== undefined) return mapWithout(form.map, value, removed);
  if (form.scalar !== undefined) return value;
  return form.list === undefined ? null : listWithout(form.list, value, removed);
}

function mapWithout(map: MapAtom, value: unknown, removed: FieldSet): unknown {
  const object = findObject(value);
  if (object === undefined || map.isAtomic) return null;
  const left: [string, unknown][] = [];
  for (const [name, member] of Object.entries(object)) {
    const node = removed.get(fieldElement(name));
    if (node?.isMember === true) continue;
    const within = node?.children ?? emptySet;
    left.push([name, isEmpty(within) ? member : withoutFields(atomOfField(map, name), member, within)]);
  }
  return left.length === 0 ? null : Object.fromEntries(left);
}

function listWithout(list: ListAtom, value: unknown, removed: FieldSet): unknown {
  const items = findList(value);
  if (items === undefined || list.isAtomic) return null;
  const left: unknown[] = [];
  for (const item of items) {
    const node = removed.get(elementOfValid(list, item));
    if (node?.isMember === true) continue;
    const within = node?.children ?? emptySet;
    left.push(isEmpty(within) ? item : withoutFields(list.items, item, within));
  }
  return left.length === 0 ? null : left;
}
