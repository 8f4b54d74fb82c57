import { goQuote, goValue } from "../go-text.ts";
import { type Atom, findList, findObject, formOf, type ListAtom, type MapAtom } from "./atom.ts";
import { elementOf } from "./list-items.ts";
import { fieldElement, shownElement } from "./path-element.ts";

/**
 * Whether a value is what its schema says.
 *
 * @param areDuplicatesAllowed whether an item may be in a list twice: stored objects have such
 * @returns what is wrong, in the words of the API; empty when nothing is
 */
export function typeErrors(atom: Atom, value: unknown, areDuplicatesAllowed: boolean): readonly string[] {
  const errors: string[] = [];
  visit({ errors, areDuplicatesAllowed }, atom, value, "");
  return errors;
}

interface Walk {
  readonly errors: string[];
  readonly areDuplicatesAllowed: boolean;
}

function visit(walk: Walk, atom: Atom, value: unknown, path: string): void {
  const form = formOf(atom, value);
  if (form.map !== undefined) visitMap(walk, form.map, value, path);
  else if (form.scalar !== undefined) visitScalar(walk, form.scalar, value, path);
  else if (form.list !== undefined) visitList(walk, form.list, value, path);
}

function add(walk: Walk, path: string, text: string): void {
  walk.errors.push(path === "" ? text : `${path}: ${text}`);
}

function visitScalar(walk: Walk, scalar: NonNullable<Atom["scalar"]>, value: unknown, path: string): void {
  if (value === null || value === undefined) return;
  const type = typeof value;
  if (scalar === "numeric" && type !== "number")
    add(walk, path, `expected numeric (int or float), got ${goType(value)}`);
  else if (scalar === "string" && type !== "string")
    add(walk, path, `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
  else if (scalar === "boolean" && type !== "boolean")
    add(walk, path, `expected boolean, got &{${goValue(value)}}`);
  else if (type === "object") add(walk, path, `expected any scalar, got &{${goValue(value)}}`);
}

function visitList(walk: Walk, list: ListAtom, value: unknown, path: string): void {
  if (value === null || value === undefined) return;
  const items = findList(value);
  if (items === undefined) {
    add(walk, path, `expected list, got &{${goValue(value)}}`);
    return;
  }
  const seen = new Set<string>();
  for (const [at, item] of items.entries()) {
    if (list.isAtomic) {
      visit(walk, list.items, item, `${path}[${at}]`);
      continue;
    }
    const named = elementOf(list, item);
    if ("error" in named) {
      add(walk, path, `element ${at}: ${named.error}`);
      return;
    }
    const shown = shownElement(named.element);
    if (seen.has(named.element) && !walk.areDuplicatesAllowed)
      add(walk, path, `duplicate entries for key ${shown}`);
    seen.add(named.element);
    visit(walk, list.items, item, path + shown);
  }
}

function visitMap(walk: Walk, map: MapAtom, value: unknown, path: string): void {
  if (value === null || value === undefined) return;
  const object = findObject(value);
  if (object === undefined) {
    add(walk, path, `expected map, got &{${goValue(value)}}`);
    return;
  }
  for (const [name, member] of Object.entries(object)) {
    const own = path + shownElement(fieldElement(name));
    const atom = map.findField(name) ?? map.values;
    if (atom === undefined) {
      add(walk, own, "field not declared in schema");
      return;
    }
    visit(walk, atom, member, own);
  }
}

function goType(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  if (Array.isArray(value)) return "[]interface {}";
  return typeof value === "object" ? "map[string]interface {}" : typeof value;
}

/** A value as Go's `%#v` writes it. */
function goSyntax(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  const object = findObject(value);
  if (object === undefined) return value === null ? "interface {}(nil)" : goValue(value);
  const members = Object.keys(object).sort();
  return `map[string]interface {}{${members.map((name) => `${goQuote(name)}:${goSyntax(object[name])}`).join(", ")}}`;
}
