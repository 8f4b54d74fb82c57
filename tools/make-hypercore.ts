/**
 * Writes what is data of the HyperCore REST API, from the tables of its types and operations:
 *
 *   node tools/make-hypercore.ts schemas.json endpoints.json
 *
 * api/hypercore/shapes.json: types and operations. api/hypercore/types.ts: the same types for the compiler.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface SourceField {
  readonly name: string;
  readonly type: string;
  readonly default: unknown;
  readonly readOnly?: boolean;
  readonly writeOnly?: boolean;
  readonly unit?: string;
}

interface SourceType {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly fields?: readonly SourceField[];
}

interface SourceOperation {
  readonly method: string;
  readonly path: string;
  readonly purpose: string;
  readonly responseType: string | null;
  readonly requestFields: readonly {
    readonly name: string;
    readonly in?: string;
    readonly required?: boolean;
  }[];
}

const [schemasFile = "", endpointsFile = ""] = process.argv.slice(2);
const schemas = JSON.parse(readFileSync(schemasFile, "utf8")) as Record<string, SourceType>;
const endpoints = JSON.parse(readFileSync(endpointsFile, "utf8")) as readonly SourceOperation[];

const types = Object.fromEntries(Object.entries(schemas).map(([name, source]) => [name, shapeOf(source)]));
const operations = endpoints.map(({ method, path, purpose, responseType, requestFields }) => ({
  method,
  path,
  purpose,
  ...(responseType !== null && { answer: responseType }),
  query: requestFields.filter((field) => field.in === "query").map((field) => field.name),
}));
writeFileSync("api/hypercore/shapes.json", `${JSON.stringify({ types, operations }, null, 2)}\n`);
writeFileSync("api/hypercore/types.ts", typesText());

function shapeOf(source: SourceType): unknown {
  if (source.enum !== undefined) return { enum: source.enum };
  if (source.type === "string") return { scalar: "string" };
  const fields = (source.fields ?? []).map((field) => [
    field.name,
    {
      type: field.type,
      ...(field.default !== null && { default: field.default }),
      ...(field.readOnly === true && { readOnly: true }),
      ...(field.writeOnly === true && { writeOnly: true }),
      ...(field.unit !== undefined && { unit: field.unit }),
    },
  ]);
  const required = source.required ?? [];
  return {
    ...(source.type === "array" && { isArray: true }),
    ...(required.length > 0 && { required }),
    fields: Object.fromEntries(fields),
  };
}

function typesText(): string {
  const lines = ["// Written by tools/make-hypercore.ts.", ""];
  for (const [name, source] of Object.entries(schemas)) {
    if (source.enum !== undefined)
      lines.push(
        `export type ${name} = ${source.enum.map((value) => JSON.stringify(value)).join(" | ")};`,
        "",
      );
    else if (source.type === "string") lines.push(`export type ${name} = string;`, "");
    else if (source.type !== "array") lines.push(...interfaceOf(name, source.fields ?? []), "");
  }
  return lines.join("\n");
}

function interfaceOf(name: string, fields: readonly SourceField[]): readonly string[] {
  const members = fields.flatMap((field) => [
    ...(field.unit === undefined ? [] : [`  /** ${field.unit} */`]),
    `  readonly ${field.name}: ${typeOf(field.type)};`,
  ]);
  return [`export interface ${name} {`, ...members, "}"];
}

function typeOf(type: string): string {
  const [, container, item] = /^(array|map)<(\w+)>$/.exec(type) ?? [];
  if (container === "array") return `readonly ${typeOf(item ?? "")}[]`;
  if (container === "map") return `Readonly<Record<string, ${typeOf(item ?? "")}>>`;
  if (type === "integer") return "number";
  return schemas[type]?.type === "array" ? "readonly StatsDatum[]" : type;
}
