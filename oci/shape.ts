import { Fault } from "#base/fault.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** Readers of untrusted JSON values. Null counts as absent, as Go's encoders write it. `what` names the field in errors. */

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Fault("invalid", `${what} is not an object`);
  return value as JsonObject;
}

export function optionalObject(value: unknown, what: string): JsonObject | undefined {
  return isAbsent(value) ? undefined : asObject(value, what);
}

export function asArray(value: unknown, what: string, maxLength: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new Fault("invalid", `${what} is not a list`);
  if (value.length > maxLength)
    throw new Fault("invalid", `${what} has ${value.length} entries, at most ${maxLength} are allowed`);
  return value;
}

export function asString(value: unknown, what: string): string {
  if (typeof value !== "string") throw new Fault("invalid", `${what} is not a string`);
  return value;
}

export function optionalString(value: unknown, what: string): string | undefined {
  return isAbsent(value) ? undefined : asString(value, what);
}

export function optionalStrings(
  value: unknown,
  what: string,
  maxLength: number,
): readonly string[] | undefined {
  if (isAbsent(value)) return undefined;
  return asArray(value, what, maxLength).map((item) => asString(item, what));
}

/** The result has no prototype, so a key such as `__proto__` is a key like any other. */
export function optionalStringMap(
  value: unknown,
  what: string,
): Readonly<Record<string, string>> | undefined {
  const object = optionalObject(value, what);
  if (object === undefined) return undefined;
  const map: Record<string, string> = emptyMap();
  for (const [key, entry] of Object.entries(object)) map[key] = asString(entry ?? "", what);
  return map;
}

/** For Go's `map[string]struct{}`: the keys matter. */
export function optionalSet(value: unknown, what: string): Readonly<Record<string, object>> | undefined {
  const object = optionalObject(value, what);
  if (object === undefined) return undefined;
  const set: Record<string, object> = emptyMap();
  for (const key of Object.keys(object)) set[key] = {};
  return set;
}

/** @throws {Fault} `invalid` for a key that is not among the known ones */
export function onlyKeys(object: JsonObject, known: readonly string[], what: string): void {
  for (const key of Object.keys(object))
    if (!known.includes(key))
      throw new Fault("invalid", `${what} has an unknown field ${JSON.stringify(key.slice(0, 100))}`);
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** The object without the keys that have no value. */
export function withoutAbsent<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function emptyMap(): Record<string, never> {
  return Object.create(null) as Record<string, never>;
}
