import { Fault } from "#base/fault.ts";
import { remembered } from "#base/remembered.ts";

/** Values by key, as the `filters` parameter of lists, prunes and events carries them. */
export type Filters = ReadonlyMap<string, readonly string[]>;

export const noFilters: Filters = new Map();

/**
 * Parses both encodings: `{"label":["a=b"]}` and the older `{"label":{"a=b":true}}`. Keys that `known` does not list are
 * refused, or left out where `others` says so; keys without values are kept and match everything.
 *
 * @throws {Fault} `invalid`
 * @see Docker Engine API v1.51, parameter `filters`
 */
export function parseFilters(
  text: string | null,
  known: readonly string[],
  others: "refused" | "ignored" = "refused",
): Filters {
  if (text === null || text === "") return noFilters;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Fault("invalid", "invalid filter");
  }
  if (parsed === null) return noFilters;
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw new Fault("invalid", "invalid filter");
  const filters = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(parsed)) {
    if (!known.includes(key)) {
      if (others === "ignored") continue;
      throw new Fault("invalid", `invalid filter '${key}'`);
    }
    filters.set(key, valuesOf(key, value));
  }
  return filters;
}

function valuesOf(key: string, value: unknown): readonly string[] {
  if (value === null) return [];
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === "string")) return value;
  } else if (typeof value === "object") {
    const entries = Object.entries(value);
    if (entries.every(([, isSet]) => typeof isSet === "boolean"))
      return entries.filter(([, isSet]) => isSet).map(([item]) => item);
  }
  throw new Fault("invalid", `invalid filter '${key}': neither a list nor a set of strings`);
}

export function valuesFor(filters: Filters, key: string): readonly string[] {
  return filters.get(key) ?? [];
}

/** One value at most, of which each is one of `choices`. @throws {Fault} `invalid` */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = valuesFor(filters, key);
  if (values.length === 0) return undefined;
  const [value = ""] = values;
  if (values.length > 1) throw invalidValue(key, values);
  if (["1", "true", "t", "True", "TRUE", "T"].includes(value)) return true;
  if (["0", "false", "f", "False", "FALSE", "F"].includes(value)) return false;
  throw invalidValue(key, values);
}

export function invalidValue(key: string, values: readonly string[]): Fault {
  return new Fault("invalid", `invalid filter '${key}=[${values.join(" ")}]'`);
}

/** `label=k` and `label=k=v`, all of which have to hold; `label!` turns each of them round. */
export function matchesLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (
    valuesFor(filters, "label").every((wanted) => hasLabel(labels, wanted)) &&
    !valuesFor(filters, "label!").some((unwanted) => hasLabel(labels, unwanted))
  );
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  if (!Object.hasOwn(labels, key)) return false;
  return equals < 0 || labels[key] === wanted.slice(equals + 1);
}

/**
 * Docker's match for names: equal, or a regular expression that is found in it. A text that is no regular expression matches
 * only what it equals. Patterns come from clients, so those that could take exponential time are compared as plain text.
 */
export function matchesPattern(filters: Filters, key: string, ...candidates: readonly string[]): boolean {
  const patterns = valuesFor(filters, key);
  return patterns.length === 0 || patterns.some((pattern) => candidates.some(matcherOf(pattern)));
}

const matcherOf = remembered(256, makeMatcher);

function makeMatcher(pattern: string): (text: string) => boolean {
  const contains = (text: string) => text.includes(pattern);
  if (/^[\w./-]*$/.test(pattern) && !pattern.includes(".")) return contains;
  if (isCostly(pattern)) return contains;
  try {
    const expression = new RegExp(pattern);
    return (text) => text === pattern || expression.test(text);
  } catch {
    return (text) => text === pattern;
  }
}

/** Backtracking is exponential only with a repetition inside a repeated group, polynomial with many in a row. */
function isCostly(pattern: string): boolean {
  return (
    pattern.length > 256 ||
    /\)\s*[*+{]/.test(pattern) ||
    (pattern.match(/[*+{]/g)?.length ?? 0) > 3 ||
    /\\\d/.test(pattern)
  );
}
