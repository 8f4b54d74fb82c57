import {
  duplicate,
  invalid,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from "#orchestrator/machinery/field-error.ts";
import { goMapJson, goNumber, goQuote } from "#orchestrator/machinery/go-text.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import { itemsOf, type JsonSchema, memberOf } from "./definition.ts";
import { hasFormat } from "./formats.ts";
import { compilePattern } from "./pattern.ts";

/** What is wrong, and how much is right: of several alternatives, the best one's errors are told. */
interface Outcome {
  readonly errors: FieldError[];
  matches: number;
}

/**
 * What is wrong with a value by its schema, in the words of the API.
 *
 * @param path of the value; empty for a whole object
 * @see OpenAPI 3.0, Schema Object; Kubernetes, "Specifying a structural schema"
 */
export function valueErrors(schema: JsonSchema, value: unknown, path = ""): readonly FieldError[] {
  return check(schema, value, path).errors;
}

function check(schema: JsonSchema, value: unknown, path: string): Outcome {
  const outcome: Outcome = { errors: [], matches: 1 };
  checkType(outcome, schema, value, path);
  if (value !== null) {
    checkAlternatives(outcome, schema, value, path);
    if (typeof value === "string") checkText(outcome, schema, value, path);
    else if (typeof value === "number") checkNumber(outcome, schema, value, path);
    else if (Array.isArray(value)) checkList(outcome, schema, value, path);
  }
  checkEnum(outcome, schema, value, path);
  if (isObject(value)) checkObject(outcome, schema, value, path);
  return outcome;
}

function merge(outcome: Outcome, other: Outcome): void {
  outcome.errors.push(...other.errors);
  outcome.matches += other.matches;
}

/** The field of a message: what is wrong with the object itself has none. */
function fieldOf(path: string): string {
  const field = path.replace(/^\./, "");
  return field === "" ? "<nil>" : field;
}

function inBody(path: string, claim: string): string {
  return `${path} in body ${claim}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "number" ? (Number.isInteger(value) ? "integer" : "number") : typeof value;
}

function checkType(outcome: Outcome, schema: JsonSchema, value: unknown, path: string): void {
  const wanted =
    schema["x-kubernetes-int-or-string"] === true
      ? ["integer", "string"]
      : schema.type === undefined
        ? []
        : [schema.type];
  const actual = typeOf(value);
  if (wanted.length === 0 || (value === null && schema.nullable === true)) return;
  if (wanted.includes(actual) || (actual === "integer" && wanted.includes("number"))) {
    outcome.matches++;
    return;
  }
  const claim = inBody(path, `must be of type ${wanted.join(",")}: ${goQuote(actual)}`);
  outcome.errors.push(typeInvalid(fieldOf(path), actual, claim));
}

function checkEnum(outcome: Outcome, schema: JsonSchema, value: unknown, path: string): void {
  if (schema.enum === undefined || schema.enum.length === 0) return;
  if (schema.enum.some((allowed) => isSameJson(allowed, value))) {
    outcome.matches++;
    return;
  }
  if (value === null && schema.nullable === true && schema.enum.includes(null)) return;
  const allowed = schema.enum.map((each) => (typeof each === "string" ? each : goMapJson(each)));
  outcome.errors.push(notSupported(fieldOf(path), value, allowed));
}

function checkText(outcome: Outcome, schema: JsonSchema, value: string, path: string): void {
  const field = fieldOf(path);
  const { minLength, maxLength, pattern, format, type } = schema;
  const length = minLength === undefined && maxLength === undefined ? 0 : Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) outcome.errors.push(tooLong(field, maxLength));
  if (minLength !== undefined && length < minLength)
    outcome.errors.push(invalid(field, value, inBody(path, `should be at least ${minLength} chars long`)));
  if (pattern !== undefined && pattern !== "" && !isMatch(pattern, value))
    outcome.errors.push(invalid(field, value, inBody(path, `should match '${pattern}'`)));
  if (
    format !== undefined &&
    format !== "" &&
    (type === "string" || type === undefined) &&
    !hasFormat(format, value)
  )
    outcome.errors.push(
      typeInvalid(field, value, inBody(path, `must be of type ${format}: ${goQuote(value)}`)),
    );
}

function isMatch(pattern: string, value: string): boolean {
  const expression = compilePattern(pattern);
  return expression instanceof RegExp && expression.test(value);
}

function checkNumber(outcome: Outcome, schema: JsonSchema, value: number, path: string): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, format, type } = schema;
  const add = (claim: string) => outcome.errors.push(invalid(fieldOf(path), value, inBody(path, claim)));
  if (maximum !== undefined && (exclusiveMaximum === true ? value >= maximum : value > maximum))
    add(`should be less than ${exclusiveMaximum === true ? "" : "or equal to "}${goNumber(maximum)}`);
  if (minimum !== undefined && (exclusiveMinimum === true ? value <= minimum : value < minimum))
    add(`should be greater than ${exclusiveMinimum === true ? "" : "or equal to "}${goNumber(minimum)}`);
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf))
    add(`should be a multiple of ${goNumber(multipleOf)}`);
  if (type === "integer" && format === "int32" && value !== (value | 0))
    outcome.errors.push(whole(`Checked value must be of type integer with format int32 in ${path}`));
}

function checkList(outcome: Outcome, schema: JsonSchema, list: readonly unknown[], path: string): void {
  const items = itemsOf(schema);
  if (items !== undefined) list.forEach((item, at) => merge(outcome, check(items, item, `${path}[${at}]`)));
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && list.length < minItems)
    outcome.errors.push(
      invalid(fieldOf(path), list.length, inBody(path, `should have at least ${minItems} items`)),
    );
  if (maxItems !== undefined && list.length > maxItems)
    outcome.errors.push(tooMany(fieldOf(path), list.length, maxItems));
}

function checkObject(
  outcome: Outcome,
  schema: JsonSchema,
  object: Record<string, unknown>,
  path: string,
): void {
  const { properties, additionalProperties, required: names = [], minProperties, maxProperties } = schema;
  const count = Object.keys(object).length;
  if (minProperties !== undefined && count < minProperties)
    outcome.errors.push(
      invalid(fieldOf(path), count, inBody(path, `should have at least ${minProperties} properties`)),
    );
  if (maxProperties !== undefined && count > maxProperties)
    outcome.errors.push(tooMany(fieldOf(path), count, maxProperties));
  for (const [name, value] of Object.entries(object)) {
    const isProperty = properties !== undefined && Object.hasOwn(properties, name);
    const member = memberOf(schema, name);
    const own = path === "" && isProperty ? name : `${path}.${name}`;
    if (member !== undefined) merge(outcome, check(member, value, own));
    else if (!isProperty && additionalProperties === false)
      outcome.errors.push(invalid(fieldOf(path), name, `${path}.${name} in body is a forbidden property`));
  }
  for (const name of names)
    if (Object.hasOwn(object, name)) outcome.matches++;
    else outcome.errors.push(required(fieldOf(`${path}.${name}`)));
}

/** An error that names no field. */
function whole(text: string): FieldError {
  return invalid("<nil>", "", text);
}

function checkAlternatives(outcome: Outcome, schema: JsonSchema, value: unknown, path: string): void {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const shown = goQuote(path);
  if (anyOf.length > 0) {
    const results = anyOf.map((each) => check(each, value, path));
    if (results.every(({ errors }) => errors.length > 0)) {
      outcome.errors.push(whole(`${shown} must validate at least one schema (anyOf)`));
      merge(outcome, bestOf(results));
    }
  }
  if (oneOf.length > 0) {
    const results = oneOf.map((each) => check(each, value, path));
    const valid = results.filter(({ errors }) => errors.length === 0).length;
    if (valid !== 1) {
      const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
      outcome.errors.push(whole(`${shown} must validate one and only one schema (oneOf). ${found}`));
      if (valid === 0) merge(outcome, bestOf(results));
    }
  }
  if (allOf.length > 0) checkAll(outcome, allOf, value, path);
  if (not !== undefined && check(not, value, path).errors.length === 0)
    outcome.errors.push(whole(`${shown} must not validate the schema (not)`));
}

function checkAll(outcome: Outcome, allOf: readonly JsonSchema[], value: unknown, path: string): void {
  const results = allOf.map((each) => check(each, value, path));
  for (const result of results) merge(outcome, result);
  const failed = results.filter(({ errors }) => errors.length > 0).length;
  if (failed === 0) return;
  const none = failed === results.length ? ". None validated" : "";
  outcome.errors.push(whole(`${goQuote(path)} must validate all the schemas (allOf)${none}`));
}

function bestOf(results: readonly Outcome[]): Outcome {
  return results.reduce((best, each) => (each.matches > best.matches ? each : best));
}

/** What lists have twice that are sets, or maps by keys. */
export function listErrors(schema: JsonSchema | undefined, value: unknown, path = ""): readonly FieldError[] {
  if (schema === undefined) return [];
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return [
      ...duplicateErrors(schema, value, path),
      ...value.flatMap((item, at) => listErrors(items, item, `${path}[${at}]`)),
    ];
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const isProperty = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const own = isProperty ? (path === "" ? name : `${path}.${name}`) : `${path}[${name}]`;
    return listErrors(memberOf(schema, name), member, own);
  });
}

function duplicateErrors(schema: JsonSchema, list: readonly unknown[], path: string): readonly FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return [];
  const bad = type === "map" ? list.findIndex((item) => item !== null && !isObject(item)) : -1;
  if (bad >= 0)
    return [invalid(`${path}[${bad}]`, list[bad], "must be an object for an array of list-type map")];
  const counts = new Map<string, number>();
  const errors: FieldError[] = [];
  list.forEach((item, at) => {
    const key = type === "set" ? item : keysOf(schema["x-kubernetes-list-map-keys"] ?? [], item);
    const text = goMapJson(key);
    const count = (counts.get(text) ?? 0) + 1;
    counts.set(text, count);
    if (count === 2) errors.push(duplicate(`${path}[${at}]`, key));
  });
  return errors;
}

function keysOf(keys: readonly string[], item: unknown): unknown {
  if (!isObject(item)) return {};
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]));
}
