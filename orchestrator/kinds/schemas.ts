import { readFileSync } from "node:fs";
import {
  type FieldSchema,
  type ListSchema,
  type Presence,
  type TypeSchema,
  type ValueSchema,
  zeroScalar,
} from "#orchestrator/machinery/schema.ts";

/**
 * The schema of a built-in type; the same object each time. Types are decoded when they are first asked for, with those they are
 * made of.
 *
 * @param type its name in the OpenAPI document, e.g. `io.k8s.api.core.v1.Pod`
 * @throws {RangeError} when there is no such type: callers name types that the table of resources has
 */
export function schemaOf(type: string): TypeSchema {
  return decoded.get(type) ?? decodeType(type);
}

/** Whether `schemaOf` knows it. */
export function hasSchema(type: string): boolean {
  return type in readData();
}

type FieldData = string | readonly [string, FieldOptions];
type TypeData = readonly [Readonly<Record<string, FieldData>>, "atomic"?];

/** What tools/make-kinds.ts writes beside `NUMBER FLAGS CODE`. */
interface FieldOptions {
  readonly strategy?: string;
  readonly mergeKey?: string;
  readonly list?: "set" | "map";
  readonly keys?: readonly string[];
  readonly atomic?: boolean;
  readonly enum?: readonly string[];
  readonly go?: string;
  readonly default?: unknown;
}

const decoded = new Map<string, TypeSchema>();
let data: Readonly<Record<string, TypeData>> | undefined;

function readData(): Readonly<Record<string, TypeData>> {
  data ??= JSON.parse(readFileSync(new URL("data/schemas.json", import.meta.url), "utf8"));
  return data ?? {};
}

function decodeType(name: string): TypeSchema {
  const found = readData()[name];
  if (found === undefined) throw new RangeError(`there is no type ${name}`);
  const [fieldData, atomic] = found;
  const fields = new Map<string, FieldSchema>();
  const schema: TypeSchema = {
    name,
    goName: name.split(".").slice(-2).join("."),
    fields,
    required: Object.keys(fieldData).filter((field) => flagsOf(fieldData[field] ?? "").includes("#")),
    isAtomic: atomic === "atomic",
  };
  decoded.set(name, schema); // before its fields: types may hold themselves
  for (const [field, each] of Object.entries(fieldData)) fields.set(field, decodeField(field, each));
  return schema;
}

function textOf(field: FieldData): string {
  return typeof field === "string" ? field : field[0];
}

function flagsOf(field: FieldData): string {
  return textOf(field).split(" ", 1)[0] ?? "";
}

function decodeField(name: string, field: FieldData): FieldSchema {
  const options = typeof field === "string" ? {} : field[1];
  const [flags = "", code = ""] = textOf(field).split(" ");
  const path = flags
    .replaceAll(/[#*!.]/g, "")
    .split("/")
    .filter((part) => part !== "")
    .map(Number);
  const value = decodeValue(code, options);
  const presence = presenceOf(flags, value);
  return {
    name,
    value,
    number: path.at(-1),
    embeddedIn: path.slice(0, -1),
    isRequired: flags.includes("#"),
    presence,
    default: options.default ?? (presence === "always" ? zeroOf(value) : undefined),
    patchStrategy: strategiesOf(options.strategy),
    patchMergeKey: options.mergeKey,
  };
}

/** Objects behind a pointer are there when they are given, like what is flagged `*`. */
function presenceOf(flags: string, value: ValueSchema): Presence {
  if (value.kind === "object") return flags.includes(".") ? "always" : "explicit";
  if (flags.includes("*")) return "explicit"; // upstream writes null for some that are absent
  if (/[!.]/.test(flags)) return "always";
  return value.kind === "any" || value.kind === "schema-or" ? "explicit" : "nonzero";
}

function zeroOf(value: ValueSchema): unknown {
  return value.kind === "object" ? {} : zeroScalar(value);
}

function strategiesOf(text: string | undefined): FieldSchema["patchStrategy"] {
  const strategies = ["merge", "replace", "retainKeys"] as const;
  return text === undefined ? [] : strategies.filter((strategy) => text.split(",").includes(strategy));
}

const scalars: Readonly<Record<string, ValueSchema>> = {
  b: { kind: "boolean" },
  i: { kind: "integer", bits: 32 },
  l: { kind: "integer", bits: 64 },
  d: { kind: "number" },
  y: { kind: "bytes" },
  t: { kind: "time" },
  m: { kind: "micro-time" },
  q: { kind: "quantity" },
  x: { kind: "int-or-string" },
  r: { kind: "any", wire: "raw-extension" },
  f: { kind: "any", wire: "fields" },
  j: { kind: "any", wire: "json" },
};
const alternatives = { A: "array", B: "boolean", S: "string-array" } as const;
const jsonSchemaProps = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

function decodeValue(code: string, options: FieldOptions): ValueSchema {
  if (code.startsWith("@")) {
    const type = schemaOf(code.slice(1));
    return { kind: "object", type, isAtomic: type.isAtomic || options.atomic === true };
  }
  if (code.startsWith("{")) {
    const { go, ...ofValues } = options;
    const values = decodeValue(code.slice(1), ofValues);
    return { kind: "map", values, isAtomic: options.atomic === true, ...named(go) };
  }
  if (code.startsWith("[") || code.startsWith("w[")) return decodeList(code, options);
  if (code === "s") return { kind: "string", enum: options.enum, ...named(options.go) };
  if (code === "A" || code === "B" || code === "S") {
    return { kind: "schema-or", type: schemaOf(jsonSchemaProps), or: alternatives[code] };
  }
  const scalar = scalars[code];
  if (scalar === undefined) throw new RangeError(`the schema data has the unknown code ${code}`);
  return scalar;
}

function named(goType: string | undefined): { readonly goType?: string } {
  return goType === undefined ? {} : { goType };
}

function decodeList(code: string, options: FieldOptions): ListSchema {
  const { list, keys, ...ofItems } = options;
  return {
    kind: "list",
    items: decodeValue(code.slice(code.indexOf("[") + 1), ofItems),
    listType: list ?? "atomic",
    keys: keys ?? [],
    isWrapped: code.startsWith("w"),
  };
}
