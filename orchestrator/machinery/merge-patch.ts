import { isObject } from "./is-object.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * A document with a merge patch applied. Neither is changed; the result shares with them what did not change.
 *
 * @see RFC 7396
 */
export function applyMergePatch(document: JsonObject, patch: JsonObject): Record<string, unknown> {
  const merged = new Map(Object.entries(document));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergedValue(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

function mergedValue(before: unknown, patch: unknown): unknown {
  if (isObject(before)) return isObject(patch) ? applyMergePatch(before, patch) : patch;
  return withoutNulls(patch);
}

/** Nulls of a patch that meet nothing to remove vanish, in the objects of lists too. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}
