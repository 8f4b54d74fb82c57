import { DecodeError } from "./decode-error.ts";
import { isObject } from "./is-object.ts";
import type { Draft } from "./resource.ts";
import {
  type FieldSchema,
  type ListSchema,
  type TypeSchema,
  type ValueSchema,
  zeroScalar,
} from "./schema.ts";
import { normalBytes, normalMicroTime, normalQuantity, normalTime } from "./scalars.ts";

/** More is no object but an attack on who reads it. */
const maxUnknown = 100;

/**
 * Makes of parsed JSON what upstream's decoder makes of it: fields that the schema does not have are dropped, nulls and empty values
 * that upstream does not write too, those it always writes are added, times and quantities get their canonical form. The object is
 * changed in place.
 *
 * @returns what strict clients are told, e.g. `unknown field "spec.foo"`; no more than a hundred
 * @throws {DecodeError} for the first value of another type than the schema's
 */
export function decodeObject(schema: TypeSchema, object: Draft): readonly string[] {
  const decoder = new Decoder();
  decoder.fields(schema, object);
  return decoder.unknown;
}

type PathPart = string | number;

class Decoder {
  readonly unknown: string[] = [];
  /** Where it is, to be written only when something is wrong there. */
  readonly #path: PathPart[] = [];

  fields(schema: TypeSchema, object: Draft): void {
    const path = this.#path;
    for (const key in object) {
      const field = schema.fields.get(key);
      path.push(key);
      if (field === undefined) this.#drop(object, key);
      else this.#field(schema, field, object, key);
      path.pop();
    }
    addAlways(schema, object);
  }

  #drop(object: Draft, key: string): void {
    if (this.unknown.length < maxUnknown) this.unknown.push(`unknown field "${this.#where()}"`);
    delete object[key];
  }

  #field(schema: TypeSchema, field: FieldSchema, object: Draft, key: string): void {
    const given = object[key];
    const value = given === null ? undefined : this.#value(schema, field.value, given);
    if (value === undefined || (field.presence === "nonzero" && isZero(value))) delete object[key];
    else if (value !== given) object[key] = value;
  }

  #value(owner: TypeSchema, schema: ValueSchema, value: unknown): unknown {
    switch (schema.kind) {
      case "object":
        if (!isObject(value)) throw this.#mistyped(owner, schema, value);
        this.fields(schema.type, value);
        return value;
      case "list":
        return this.#list(owner, schema, value);
      case "map":
        return this.#map(owner, schema, value);
      case "any":
        return value;
      case "schema-or":
        return this.#alternative(owner, schema, value);
      default:
        return this.#scalar(owner, schema, value);
    }
  }

  #scalar(owner: TypeSchema, schema: ValueSchema, value: unknown): unknown {
    switch (schema.kind) {
      case "string":
        if (typeof value === "string") return value;
        break;
      case "boolean":
        if (typeof value === "boolean") return value;
        break;
      case "number":
        if (typeof value === "number") return value;
        break;
      case "integer":
        if (isInteger(value, schema.bits)) return value;
        break;
      case "int-or-string":
        if (typeof value === "string" || isInteger(value, 32)) return value;
        throw new DecodeError(`json: cannot unmarshal ${wordFor(value, schema)} into Go value of type int32`);
      default:
        return this.#text(owner, schema, value);
    }
    throw this.#mistyped(owner, schema, value);
  }

  /** What is a text in JSON, of a form of its own. */
  #text(owner: TypeSchema, schema: ValueSchema, value: unknown): unknown {
    if (schema.kind === "quantity") return normalQuantity(value);
    if (typeof value !== "string") throw this.#mistyped(owner, schema, value);
    if (schema.kind === "bytes") return normalBytes(value);
    return schema.kind === "time" ? normalTime(value) : normalMicroTime(value);
  }

  #list(owner: TypeSchema, schema: ListSchema, value: unknown): unknown {
    if (!Array.isArray(value)) throw this.#mistyped(owner, schema, value);
    const path = this.#path;
    for (let at = 0; at < value.length; at++) {
      path.push(at);
      const given: unknown = value[at] ?? zeroItem(schema.items);
      const item = given === null ? null : this.#value(owner, schema.items, given);
      if (item !== value[at]) value[at] = item;
      path.pop();
    }
    return value;
  }

  #map(owner: TypeSchema, schema: ValueSchema & { readonly kind: "map" }, value: unknown): unknown {
    if (!isObject(value)) throw this.#mistyped(owner, schema, value);
    const path = this.#path;
    for (const key in value) {
      const given = value[key] ?? zeroItem(schema.values);
      path.push(key);
      const item = given === null ? null : this.#value(owner, schema.values, given);
      path.pop();
      if (item === value[key]) continue;
      // A key may be `__proto__`, which assignment would not make a member.
      Object.defineProperty(value, key, {
        value: item,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return value;
  }

  #alternative(
    owner: TypeSchema,
    schema: ValueSchema & { readonly kind: "schema-or" },
    value: unknown,
  ): unknown {
    if (schema.or === "boolean" && typeof value === "boolean") return value;
    if (schema.or !== "boolean" && Array.isArray(value)) {
      const items: ValueSchema =
        schema.or === "array"
          ? { kind: "object", type: schema.type, isAtomic: false }
          : { kind: "string", enum: undefined };
      return this.#list(
        owner,
        { kind: "list", items, listType: "atomic", keys: [], isWrapped: false },
        value,
      );
    }
    if (!isObject(value)) throw this.#mistyped(owner, schema, value);
    this.fields(schema.type, value);
    return value;
  }

  #mistyped(owner: TypeSchema, schema: ValueSchema, value: unknown): DecodeError {
    const struct = owner.goName.slice(owner.goName.indexOf(".") + 1);
    const path = this.#path.filter((part) => typeof part === "string").join(".");
    return new DecodeError(
      `json: cannot unmarshal ${wordFor(value, schema)} into Go struct field ${struct}.${path} of type ${goType(schema)}`,
    );
  }

  #where(): string {
    return writePath(this.#path);
  }
}

/** `spec.containers[0].foo` */
export function writePath(path: readonly PathPart[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/**
 * Adds what upstream always writes, also where it always writes an object around it. Lists and maps that it writes as null are empty
 * here, so that whoever reads the object finds what its type promises.
 */
export function addAlways(schema: TypeSchema, object: Draft): void {
  for (const field of alwaysOf(schema)) {
    if (object[field.name] !== undefined) continue;
    const added = emptyOf(field);
    if (added !== undefined) object[field.name] = added;
  }
}

function emptyOf({ value, default: plain }: FieldSchema): unknown {
  switch (value.kind) {
    case "object": {
      const added: Draft = {};
      addAlways(value.type, added);
      return added;
    }
    case "list":
      return [];
    case "map":
      return {};
    default:
      return plain;
  }
}

const always = new WeakMap<TypeSchema, readonly FieldSchema[]>();

function alwaysOf(schema: TypeSchema): readonly FieldSchema[] {
  const known = always.get(schema);
  if (known !== undefined) return known;
  const found = [...schema.fields.values()].filter((field) => field.presence === "always");
  always.set(schema, found);
  return found;
}

function isInteger(value: unknown, bits: 32 | 64): value is number {
  if (typeof value !== "number" || !Number.isInteger(value)) return false;
  return bits === 32 ? value === (value | 0) : Math.abs(value) <= 2 ** 63;
}

function isZero(value: unknown): boolean {
  if (value === "" || value === 0 || value === false) return true;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** What Go makes of a null in a list or map. */
function zeroItem(schema: ValueSchema): unknown {
  switch (schema.kind) {
    case "object":
    case "map":
    case "schema-or":
      return {};
    case "list":
      return [];
    case "bytes":
      return "";
    default:
      return zeroScalar(schema) ?? null;
  }
}

function wordFor(value: unknown, schema: ValueSchema): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value !== "number") return typeof value;
  return schema.kind === "integer" || schema.kind === "int-or-string" ? `number ${value}` : "number";
}

function goType(schema: ValueSchema): string {
  switch (schema.kind) {
    case "object":
    case "schema-or":
      return schema.type.goName;
    case "list":
      return `[]${goType(schema.items)}`;
    case "map":
      return schema.goType ?? `map[string]${goType(schema.values)}`;
    case "string":
      return schema.goType ?? "string";
    case "boolean":
      return "bool";
    case "integer":
      return `int${schema.bits}`;
    case "number":
      return "float64";
    case "bytes":
      return "[]uint8";
    default:
      return "string";
  }
}
