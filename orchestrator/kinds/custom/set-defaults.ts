import { isObject } from "#orchestrator/machinery/is-object.ts";
import { itemsOf, type JsonSchema, memberOf } from "./definition.ts";

/** Sets the defaults of a schema in a value, in place, and drops nulls that the schema does not allow and has no default for. */
export function setDefaults(schema: JsonSchema | undefined, value: unknown): void {
  dropNulls(schema, value);
  fill(schema, value);
}

function dropNulls(schema: JsonSchema | undefined, value: unknown): void {
  if (Array.isArray(value)) for (const item of value) dropNulls(itemsOf(schema), item);
  if (!isObject(value)) return;
  for (const name of Object.keys(value)) {
    const member = memberOf(schema, name);
    const isRefused =
      value[name] === null &&
      member !== undefined &&
      member.nullable !== true &&
      member.default === undefined;
    if (isRefused) delete value[name];
    else dropNulls(member, value[name]);
  }
}

function fill(schema: JsonSchema | undefined, value: unknown): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const [at, item] of value.entries()) {
      if (isReplaced(items, item)) value[at] = structuredClone(items?.default);
      fill(items, value[at]);
    }
  } else if (isObject(value)) fillObject(schema, value);
}

function fillObject(schema: JsonSchema, object: Record<string, unknown>): void {
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (member.default === undefined) continue;
    if (!Object.hasOwn(object, name) || isReplaced(member, object[name]))
      object[name] = structuredClone(member.default);
  }
  for (const name of Object.keys(object)) {
    const member = memberOf(schema, name);
    if (isReplaced(member, object[name])) object[name] = structuredClone(member?.default);
    fill(member, object[name]);
  }
}

/** A null where there may be none, and something else is to stand. */
function isReplaced(schema: JsonSchema | undefined, value: unknown): boolean {
  return value === null && schema !== undefined && schema.nullable !== true && schema.default !== undefined;
}
