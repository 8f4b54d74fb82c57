import { goJson } from "#base/go-json.ts";
import { byBytes, goNumber, goQuote } from "../go-text.ts";
import { isObject } from "../is-object.ts";

/**
 * One step of a path into an object, as sets of fields are written in JSON: `f:name` names a field, `k:{"name":"a"}` an item of a
 * list by its keys, `v:"a"` an item of a set by its value, `i:0` one by its place. Two steps are the same when their texts are.
 *
 * @see Kubernetes API 1.36, meta/v1 FieldsV1
 */
export type PathElement = string;

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** @param keys by name, in any order */
export function keyElement(keys: Readonly<Record<string, unknown>>): PathElement {
  const names = Object.keys(keys).sort(byBytes);
  return `k:{${names.map((name) => `${goJson(name)}:${goJson(keys[name] ?? null)}`).join(",")}}`;
}

export function valueElement(value: unknown): PathElement {
  return `v:${goJson(value)}`;
}

/** The name of the field that a step names, or undefined for a step into a list. */
export function findFieldName(element: PathElement): string | undefined {
  return element.startsWith("f:") ? element.slice(2) : undefined;
}

/** The step that a text means, in the one form that this module writes; undefined when it means none. */
export function findElement(text: string): PathElement | undefined {
  const rest = text.slice(2);
  switch (text.slice(0, 2)) {
    case "f:":
      return text;
    case "i:":
      return /^-?\d+$/.test(rest) ? text : undefined;
    case "v:": {
      const value = findJson(rest);
      return value === undefined ? undefined : valueElement(value);
    }
    case "k:": {
      const keys = findJson(rest);
      return isObject(keys) ? keyElement(keys) : undefined;
    }
    default:
      return undefined;
  }
}

function findJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A step in messages: `.name`, `[name="a"]`, `[="a"]`, `[0]`. */
export function shownElement(element: PathElement): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case "f":
      return `.${rest}`;
    case "k": {
      const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
      return `[${keys.map(([name, value]) => `${name}=${shownValue(value)}`).join(",")}]`;
    }
    case "v":
      return `[=${shownValue(JSON.parse(rest))}]`;
    default:
      return `[${rest}]`;
  }
}

function shownValue(value: unknown): string {
  if (typeof value === "string") return goQuote(value);
  return typeof value === "number" ? goNumber(value) : (JSON.stringify(value) ?? "null");
}

const kinds = "fkvi";

/** The order in which sets list their members: fields by name, then keys, values and places. */
export function byElement(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const kind = kinds.indexOf(a[0] ?? "") - kinds.indexOf(b[0] ?? "");
  if (kind !== 0) return kind;
  if (a.startsWith("f:")) return byBytes(a, b);
  return compareParts(partsOf(a), partsOf(b));
}

function partsOf(element: PathElement): readonly unknown[] {
  const value: unknown = JSON.parse(element.slice(2));
  return element.startsWith("k:") ? Object.entries(value as object).flat() : [value];
}

function compareParts(a: readonly unknown[], b: readonly unknown[]): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const order = compareValues(a[at], b[at]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Numbers come before texts, these before booleans. */
function compareValues(a: unknown, b: unknown): number {
  const ranks = ["number", "string", "boolean"];
  const rank = ranks.indexOf(typeof a) - ranks.indexOf(typeof b);
  if (rank !== 0) return rank;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return byBytes(String(a), String(b));
}
