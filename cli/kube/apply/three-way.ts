import { isObject } from "#orchestrator/machinery/is-object.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { FieldSchema, PatchSchema } from "./patch-schema.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What was applied last, what is to be, and what is. */
export interface ThreeWays<T> {
  readonly original: T | undefined;
  readonly modified: T;
  readonly current: T;
}

/**
 * The strategic merge patch that makes of what is what is to be, and takes away what was applied before and is not any more. Empty
 * when there is nothing to do.
 *
 * @see Kubernetes, "Strategic Merge Patch"
 */
export function strategicPatch(ways: ThreeWays<Fields>, schema: PatchSchema): Fields {
  return mapPatch(ways, schema, false);
}

function mapPatch(
  { original = {}, modified, current }: ThreeWays<Fields>,
  schema: PatchSchema,
  retainsKeys: boolean,
): Fields {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(modified)) {
    const field = schema.field(key);
    Object.assign(
      patch,
      memberPatch(key, { original: original[key], modified: value, current: current[key] }, field),
    );
  }
  for (const key of Object.keys(original)) if (!Object.hasOwn(modified, key)) patch[key] = null;
  if (retainsKeys && Object.keys(patch).length > 0) patch["$retainKeys"] = Object.keys(modified).sort();
  return patch;
}

function memberPatch(key: string, ways: ThreeWays<unknown>, field: FieldSchema | undefined): Fields {
  const { original, modified, current } = ways;
  const strategies = field?.strategies ?? [];
  if (isObject(modified) && isObject(current) && field !== undefined && !strategies.includes("replace")) {
    const before = isObject(original) ? original : undefined;
    const patch = mapPatch(
      { original: before, modified, current },
      field.value,
      strategies.includes("retainKeys"),
    );
    return Object.keys(patch).length === 0 ? {} : { [key]: patch };
  }
  if (
    Array.isArray(modified) &&
    Array.isArray(current) &&
    field !== undefined &&
    strategies.includes("merge")
  )
    return listPatch(key, { original: Array.isArray(original) ? original : [], modified, current }, field);
  return isSameJson(modified, current) ? {} : { [key]: modified };
}

interface Lists extends ThreeWays<readonly unknown[]> {
  readonly original: readonly unknown[];
}

function listPatch(key: string, ways: Lists, field: FieldSchema): Fields {
  const { mergeKey } = field;
  return mergeKey === undefined ? setPatch(key, ways) : keyedPatch(key, ways, field, mergeKey);
}

/** Lists of plain values: each is there or not. */
function setPatch(key: string, { original, modified, current }: Lists): Fields {
  const isIn = (list: readonly unknown[], value: unknown) => list.some((one) => isSameJson(one, value));
  const added = modified.filter((value) => !isIn(current, value));
  const removed = original.filter((value) => !isIn(modified, value));
  const kept = current.filter((value) => isIn(modified, value));
  if (added.length === 0 && removed.length === 0 && isSameJson(kept, modified)) return {};
  return {
    [`$setElementOrder/${key}`]: modified,
    ...(added.length > 0 && { [key]: added }),
    ...(removed.length > 0 && { [`$deleteFromPrimitiveList/${key}`]: removed }),
  };
}

function keyedPatch(
  key: string,
  { original, modified, current }: Lists,
  field: FieldSchema,
  mergeKey: string,
): Fields {
  const keyOf = (item: unknown) => (isObject(item) ? item[mergeKey] : undefined);
  const find = (list: readonly unknown[], name: unknown) =>
    list.find((item) => isSameJson(keyOf(item), name)) as Fields | undefined;
  const items: unknown[] = [];
  for (const item of modified as readonly Fields[]) {
    const name = keyOf(item);
    const live = find(current, name);
    if (live === undefined) {
      items.push(item);
      continue;
    }
    const ways = { original: find(original, name), modified: item, current: live };
    const patch = mapPatch(ways, field.value, field.strategies.includes("retainKeys"));
    if (Object.keys(patch).length > 0) items.push({ ...patch, [mergeKey]: name });
  }
  for (const item of original)
    if (find(modified, keyOf(item)) === undefined) items.push({ $patch: "delete", [mergeKey]: keyOf(item) });
  const wanted = modified.map(keyOf);
  const kept = current.map(keyOf).filter((name) => wanted.some((one) => isSameJson(one, name)));
  if (items.length === 0 && isSameJson(kept, wanted)) return {};
  const order = wanted.map((name) => ({ [mergeKey]: name }));
  return { [`$setElementOrder/${key}`]: order, ...(items.length > 0 && { [key]: items }) };
}

/** The same as a JSON merge patch, in which lists are whole: for kinds that take no strategic one. @see RFC 7396 */
export function mergePatch({ original = {}, modified, current }: ThreeWays<Fields>): Fields {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(modified)) {
    const live = current[key];
    if (value === null) continue;
    if (isObject(value) && isObject(live)) {
      const before = isObject(original[key]) ? original[key] : undefined;
      const inner = mergePatch({ original: before, modified: value, current: live });
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!isSameJson(withoutNulls(value), live)) patch[key] = withoutNulls(value);
  }
  for (const key of Object.keys(original)) if (!Object.hasOwn(modified, key)) patch[key] = null;
  return patch;
}

/** The same without members that are null, at any depth. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
}
