import { goQuote } from "../go-text.ts";
import { findObject, formOf, type ListAtom } from "./atom.ts";
import { keyElement, type PathElement, valueElement } from "./path-element.ts";

/**
 * What names an item of a list that is no atomic one.
 *
 * @returns the step, or what is wrong with the item in the words of the API
 */
export function elementOf(
  list: ListAtom,
  item: unknown,
): { readonly element: PathElement } | { readonly error: string } {
  return list.keys.length > 0 ? keyed(list, item) : valued(item);
}

function keyed(
  list: ListAtom,
  item: unknown,
): { readonly element: PathElement } | { readonly error: string } {
  if (item === null) return { error: "associative list with keys may not have a null element" };
  const object = findObject(item);
  if (object === undefined) return { error: "associative list with keys may not have non-map elements" };
  const keys: Record<string, unknown> = {};
  for (const name of list.keys) {
    const value = Object.hasOwn(object, name)
      ? object[name]
      : formOf(list.items, item).map?.findDefault(name);
    if (value !== undefined) keys[name] = value;
  }
  if (Object.keys(keys).length === 0) {
    const names = `[${list.keys.map(goQuote).join(" ")}]`;
    return {
      error: `associative list with keys has an element that omits all key fields ${names} (and doesn't have default values for any key fields)`,
    };
  }
  return { element: keyElement(keys) };
}

function valued(item: unknown): { readonly element: PathElement } | { readonly error: string } {
  if (item === null) return { error: "associative list without keys has an element that's an explicit null" };
  if (Array.isArray(item)) return { error: "not supported: associative list with lists as elements" };
  if (typeof item === "object")
    return { error: "associative list without keys has an element that's a map type" };
  return { element: valueElement(item) };
}

/** The step to an item of a list that has been validated. */
export function elementOfValid(list: ListAtom, item: unknown): PathElement {
  const named = elementOf(list, item);
  if ("error" in named) throw new TypeError(named.error);
  return named.element;
}
