import { isObject } from "#orchestrator/machinery/is-object.ts";
import { itemsOf, type JsonSchema, memberOf } from "./definition.ts";

/**
 * A value as expressions see it: whole numbers are integers where the schema does not say otherwise, names that are no identifiers
 * can be written in their escaped form.
 *
 * @see Kubernetes, "Validation rules", field path escaping
 */
export function celValue(schema: JsonSchema | undefined, value: unknown): unknown {
  if (typeof value === "number")
    return schema?.type === "number" || !Number.isInteger(value) ? value : BigInt(value);
  if (typeof value === "string") return schema?.format === "date-time" ? new Date(value) : value;
  if (Array.isArray(value)) return value.map((item) => celValue(itemsOf(schema), item));
  if (!isObject(value)) return value;
  const members = Object.entries(value).flatMap(([name, member]) => {
    const made = celValue(memberOf(schema, name), member);
    const escaped = schema?.properties === undefined ? name : escapedName(name);
    return escaped === name ? [[name, made] as const] : [[name, made] as const, [escaped, made] as const];
  });
  return Object.fromEntries(members);
}

const reserved = new Set([
  "true",
  "false",
  "null",
  "in",
  "as",
  "break",
  "const",
  "continue",
  "else",
  "for",
  "function",
  "if",
  "import",
  "let",
  "loop",
  "package",
  "namespace",
  "return",
  "var",
  "void",
  "while",
]);

function escapedName(name: string): string {
  if (reserved.has(name)) return `__${name}__`;
  return name
    .replaceAll("__", "__underscores__")
    .replaceAll(".", "__dot__")
    .replaceAll("-", "__dash__")
    .replaceAll("/", "__slash__");
}
