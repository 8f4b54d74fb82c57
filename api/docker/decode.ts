import { Fault } from "#base/fault.ts";

/**
 * What a JSON value has to look like. `command` is a list of strings or one string; `empty` is an object whose content does
 * not matter (Go's `struct{}`); `any` is taken as it is.
 */
export type Shape = Scalar | { readonly list: Shape } | { readonly map: Shape } | Struct;
type Scalar = "string" | "boolean" | "integer" | "command" | "empty" | "any";
interface Struct {
  readonly struct: string;
  readonly fields: Readonly<Record<string, Shape>>;
  /** Fields that get their zero value when they are absent. */
  readonly always?: readonly string[];
}

/**
 * Reads a parsed JSON value as Docker's own decoder does: names match in any case, fields that are not in the shape are left
 * out, null is the same as absent. What comes back has the shape, whatever the client sent.
 *
 * @throws {Fault} `invalid` with the decoder's text, e.g. `invalid JSON: json: cannot unmarshal number into Go struct field
 *   ContainerConfig.Image of type string`
 */
export function decodeShape(shape: Shape, value: unknown): unknown {
  return decode(shape, value, "");
}

function decode(shape: Shape, value: unknown, path: string): unknown {
  if (value === null || value === undefined) return emptyOf(shape);
  if (typeof shape === "string") return decodeScalar(shape, value, path);
  if ("list" in shape) {
    if (!Array.isArray(value)) throw mismatch(shape, value, path);
    return value.map((item) => decode(shape.list, item, path));
  }
  if (typeof value !== "object" || Array.isArray(value)) throw mismatch(shape, value, path);
  if ("map" in shape)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, decodeMapped(shape.map, item, path)]),
    );
  return decodeStruct(shape, value, path);
}

/** A null in a map of structures or lists stays null: `{"80/tcp": null}` says something. */
function decodeMapped(shape: Shape, value: unknown, path: string): unknown {
  return value === null && typeof shape === "object" ? null : decode(shape, value, path);
}

function decodeScalar(shape: Scalar, value: unknown, path: string): unknown {
  switch (shape) {
    case "any":
      return value;
    case "string":
    case "boolean":
      if (typeof value === shape) return value;
      break;
    case "integer":
      if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= 2 ** 63) return value;
      break;
    case "empty":
      if (typeof value === "object" && !Array.isArray(value)) return {};
      break;
    case "command":
      if (typeof value === "string") return [value];
      if (Array.isArray(value)) return value.map((item) => decode("string", item, path));
      break;
    default:
      return shape satisfies never;
  }
  throw mismatch(shape, value, path);
}

function decodeStruct(shape: Struct, value: object, path: string): Record<string, unknown> {
  const names = namesOf(shape.fields);
  const decoded: Record<string, unknown> = {};
  for (const name of shape.always ?? []) decoded[name] = emptyOf(shape.fields[name] ?? "any");
  for (const [key, item] of Object.entries(value)) {
    const name = Object.hasOwn(shape.fields, key) ? key : names.get(key.toLowerCase());
    const field = name === undefined ? undefined : shape.fields[name];
    if (name === undefined || field === undefined || item === null) continue;
    decoded[name] = decode(field, item, path === "" ? `${shape.struct}.${name}` : `${path}.${name}`);
  }
  return decoded;
}

const lowerCaseNames = new WeakMap<object, ReadonlyMap<string, string>>();

function namesOf(fields: Readonly<Record<string, Shape>>): ReadonlyMap<string, string> {
  const known = lowerCaseNames.get(fields);
  if (known !== undefined) return known;
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  lowerCaseNames.set(fields, names);
  return names;
}

function emptyOf(shape: Shape): unknown {
  if (shape === "string") return "";
  if (shape === "boolean") return false;
  if (shape === "integer") return 0;
  if (typeof shape === "object" && "list" in shape) return [];
  if (typeof shape !== "object" || !("struct" in shape)) return {};
  return decodeStruct(shape, {}, "");
}

function mismatch(shape: Shape, value: unknown, path: string): Fault {
  const where = path === "" ? "Go value" : `Go struct field ${path}`;
  return new Fault(
    "invalid",
    `invalid JSON: json: cannot unmarshal ${kindOf(value)} into ${where} of type ${goType(shape)}`,
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" && !Number.isInteger(value)) return `number ${value}`;
  return typeof value;
}

function goType(shape: Shape): string {
  if (typeof shape === "object") {
    if ("list" in shape) return `[]${goType(shape.list)}`;
    return "map" in shape ? `map[string]${goType(shape.map)}` : shape.struct;
  }
  const names = {
    string: "string",
    boolean: "bool",
    integer: "int64",
    command: "[]string",
    empty: "struct {}",
    any: "interface {}",
  } as const;
  return names[shape];
}
