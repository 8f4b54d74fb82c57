import { Fault } from "#base/fault.ts";
import { fieldsOf, typeShapes } from "./shapes.ts";

export type Json = Readonly<Record<string, unknown>>;

/** What a body is made of: the fields of a type, or fields that hold types. */
export type BodyShape =
  | {
      readonly type: string;
      /** None of its fields is required. */
      readonly isPartial?: boolean;
      /** Fields that clients send beside those of the type. */
      readonly tolerated?: readonly string[];
    }
  | { readonly members: Readonly<Record<string, MemberShape>> };

export type MemberShape = BodyShape & { readonly isRequired?: boolean };

/**
 * The body, checked against its shape: nothing unknown, every value of its type. Integers may come as floats without a
 * fraction, and become integers. Fields that only the server sets are let through.
 *
 * @throws {Fault} `invalid` naming the field
 */
export function decodeBody(shape: BodyShape, value: unknown): Json {
  return "members" in shape ? decodeMembers(shape.members, value) : decodeType(shape, value, "");
}

function decodeMembers(members: Readonly<Record<string, MemberShape>>, value: unknown): Json {
  const body = objectOf(value, "");
  for (const name of Object.keys(body))
    if (!Object.hasOwn(members, name)) throw new Fault("invalid", `Unknown property '${name}'`);
  for (const [name, { isRequired }] of Object.entries(members))
    if (isRequired === true && body[name] === undefined)
      throw new Fault("invalid", `Missing required property '${name}'`);
  return Object.fromEntries(
    Object.entries(body).map(([name, own]) => {
      const shape = members[name] as MemberShape;
      if ("members" in shape) return [name, decodeMembers(shape.members, own)];
      if (typeShapes[shape.type] === undefined) return [name, decodeValue(shape.type, own, name)];
      return [name, decodeType(shape, own, name)];
    }),
  );
}

function decodeType(
  shape: { readonly type: string; readonly isPartial?: boolean; readonly tolerated?: readonly string[] },
  value: unknown,
  at: string,
): Json {
  const object = objectOf(value, at);
  const fields = fieldsOf(shape.type);
  const known = typeShapes[shape.type];
  const required = known !== undefined && "fields" in known ? (known.required ?? []) : [];
  if (shape.isPartial !== true)
    for (const name of required)
      if (object[name] === undefined)
        throw new Fault("invalid", `Missing required property '${pathOf(at, name)}'`);
  const decoded: Record<string, unknown> = {};
  for (const [name, own] of Object.entries(object)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field !== undefined) decoded[name] = decodeValue(field.type, own, pathOf(at, name));
    else if (shape.tolerated?.includes(name) !== true)
      throw new Fault("invalid", `Unknown property '${pathOf(at, name)}'`);
  }
  return decoded;
}

function decodeValue(type: string, value: unknown, at: string): unknown {
  const [, container, item] = /^(array|map)<(.+)>$/.exec(type) ?? [];
  if (container === "array")
    return arrayOf(value, at).map((own, i) => decodeValue(item ?? "", own, `${at}[${i}]`));
  if (container === "map")
    return Object.fromEntries(
      Object.entries(objectOf(value, at)).map(([key, own]) => [
        key,
        decodeValue(item ?? "", own, `${at}.${key}`),
      ]),
    );
  switch (type) {
    case "string":
    case "boolean":
      if (typeof value !== type) throw mistyped(at, type);
      return value;
    case "number":
      if (typeof value !== "number") throw mistyped(at, type);
      return value;
    case "integer":
      if (typeof value !== "number" || !Number.isSafeInteger(value)) throw mistyped(at, type);
      return value;
    default:
      return decodeNamed(type, value, at);
  }
}

function decodeNamed(type: string, value: unknown, at: string): unknown {
  const shape = typeShapes[type];
  if (shape === undefined) throw new Error(`no type ${type}`);
  if ("scalar" in shape) return decodeValue("string", value, at);
  if ("enum" in shape) {
    if (typeof value !== "string" || !shape.enum.includes(value))
      throw new Fault("invalid", `Property '${at}' must be one of ${shape.enum.join(", ")}`);
    return value;
  }
  // What stands inside another object is never asked to be whole: clients send parts of what they have read.
  if (shape.isArray === true) return arrayOf(value, at);
  return decodeType({ type, isPartial: true }, value, at);
}

function objectOf(value: unknown, at: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw at === "" ? new Fault("invalid", "The body must be a JSON object") : mistyped(at, "object");
  return value as Json;
}

function arrayOf(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw mistyped(at, "array");
  return value;
}

function mistyped(at: string, type: string): Fault {
  return new Fault("invalid", `Property '${at}' must be of type ${type}`);
}

function pathOf(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}
