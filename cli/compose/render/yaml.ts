import { type Decoded, extensions } from "../load/shape.ts";
import { compareNaturally } from "../../output/natural-order.ts";
import { yamlString } from "../../output/yaml-scalar.ts";

/** Writes a decoded tree as go-yaml does: two blanks a level, structs in field order, Maps in natural order of their keys. */
export function toYaml(value: Decoded): string {
  return `${entriesOf(value)
    .map(([key, item]) => entry(key, item, ""))
    .join("\n")}\n`;
}

function entriesOf(value: Decoded): readonly (readonly [string, Decoded])[] {
  if (value instanceof Map)
    return ([...value] as [string, Decoded][]).sort(([a], [b]) => compareNaturally(a, b));
  const entries: (readonly [string, Decoded])[] = [];
  for (const [key, item] of Object.entries(value as Readonly<Record<string, Decoded>>)) {
    if (key === extensions) entries.push(...entriesOf(item));
    else if (item !== null && !(plainStructs.has(key) && isBlank(item))) entries.push([key, item]);
  }
  return entries;
}

/** Structs that the peer holds by value: they are there even when nothing is in them, which only JSON shows. */
const plainStructs = new Set(["ipam", "resources", "placement", "exec"]);

function isBlank(value: Decoded): boolean {
  return typeof value === "object" && value !== null && Object.values(value).every((item) => item === null);
}

function isEmpty(value: Decoded): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  return value instanceof Map ? value.size === 0 : Object.keys(value).length === 0;
}

function entry(key: string, value: Decoded, indent: string): string {
  const name = `${indent}${yamlString(key, indent, true)}:`;
  if (typeof value !== "object" || value === null) return `${name} ${scalar(value, `${indent}  `)}`;
  if (isEmpty(value)) return `${name} ${Array.isArray(value) ? "[]" : "{}"}`;
  return `${name}\n${nested(value, `${indent}  `)}`;
}

function nested(value: Decoded, indent: string): string {
  if (Array.isArray(value)) return value.map((item) => listItem(item as Decoded, indent)).join("\n");
  return entriesOf(value)
    .map(([key, item]) => entry(key, item, indent))
    .join("\n");
}

function listItem(value: Decoded, indent: string): string {
  if (typeof value !== "object" || value === null) return `${indent}- ${scalar(value, `${indent}  `)}`;
  if (isEmpty(value)) return `${indent}- ${Array.isArray(value) ? "[]" : "{}"}`;
  return `${indent}- ${nested(value, `${indent}  `).slice(indent.length + 2)}`;
}

function scalar(value: null | boolean | number | string, indent: string): string {
  return typeof value === "string" ? yamlString(value, indent) : String(value);
}
