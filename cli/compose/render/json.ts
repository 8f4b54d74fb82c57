import { type Decoded, extensions } from "../load/shape.ts";

/** A decoded tree as the plain value that the peer's JSON has: extensions of structs are left out, Maps in byte order. */
export function toPlain(value: Decoded): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => toPlain(item as Decoded));
  if (value instanceof Map) {
    const sorted = ([...value] as [string, Decoded][]).sort(([a], [b]) => (a < b ? -1 : 1));
    return new Map(sorted.map(([key, item]) => [key, toPlain(item)]));
  }
  const entries = Object.entries(value as Readonly<Record<string, Decoded>>).filter(
    ([key]) => key !== extensions,
  );
  return new Map(entries.map(([key, item]) => [key, toPlain(item)]));
}

/** JSON of such a value, compact or with two blanks a level; keys keep their order, whatever they look like. */
export function writeJson(value: unknown, indent?: string): string {
  const gap = indent === undefined ? "" : `\n${indent}  `;
  const end = indent === undefined ? "" : `\n${indent}`;
  const deeper = indent === undefined ? undefined : `${indent}  `;
  const colon = indent === undefined ? ":" : ": ";
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${value.map((item) => gap + writeJson(item, deeper)).join(",")}${end}]`;
  }
  if (value instanceof Map) {
    if (value.size === 0) return "{}";
    const entries = [...(value as Map<string, unknown>)];
    return `{${entries.map(([key, item]) => `${gap}${JSON.stringify(key)}${colon}${writeJson(item, deeper)}`).join(",")}${end}}`;
  }
  return JSON.stringify(value);
}

/** As Go's encoder writes text that might end up in HTML. */
export function escapeHtml(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
