import { type Atom, atomOfField, findList, findObject, formOf } from "./atom.ts";
import { fieldElement, shownElement } from "./path-element.ts";

/** Where a value has lists or maps that are replaced as a whole. */
export function atomicPaths(atom: Atom, value: unknown, path = ""): readonly string[] {
  const { map, list } = formOf(atom, value);
  const object = findObject(value);
  if (map !== undefined && object !== undefined)
    return [
      ...(map.isAtomic ? [path] : []),
      ...Object.entries(object).flatMap(([name, each]) =>
        atomicPaths(atomOfField(map, name), each, path + shownElement(fieldElement(name))),
      ),
    ];
  const items = findList(value);
  if (list === undefined || items === undefined) return [];
  return [
    ...(list.isAtomic ? [path] : []),
    ...items.flatMap((each, at) => atomicPaths(list.items, each, `${path}[${at}]`)),
  ];
}
