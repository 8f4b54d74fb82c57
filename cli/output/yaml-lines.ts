import { compareNaturally } from "./natural-order.ts";
import { yamlString } from "./yaml-scalar.ts";

const width = 80;

/** A value of JSON as Go's sigs.k8s.io/yaml writes it: keys in natural order, lists as far left as their key, lines folded at 80. */
export function toKubeYaml(value: unknown): string {
  return `${linesOf(value, "").join("\n")}\n`;
}

function linesOf(value: unknown, indent: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => itemLines(item, indent));
  if (typeof value !== "object" || value === null) return [scalar(value, indent, 0)];
  return Object.entries(value)
    .sort(([a], [b]) => compareNaturally(a, b))
    .flatMap(([key, member]) => memberLines(key, member, indent));
}

function memberLines(key: string, value: unknown, indent: string): readonly string[] {
  const name = `${indent}${yamlString(key, indent, true)}:`;
  if (isNested(value)) return [name, ...linesOf(value, Array.isArray(value) ? indent : `${indent}  `)];
  return [`${name} ${scalar(value, `${indent}  `, name.length + 1)}`];
}

function itemLines(value: unknown, indent: string): readonly string[] {
  if (!isNested(value)) return [`${indent}- ${scalar(value, `${indent}  `, indent.length + 2)}`];
  const [first = "", ...rest] = linesOf(value, `${indent}  `);
  return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function scalar(value: unknown, indent: string, column: number): string {
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object" && value !== null) return "{}";
  if (typeof value !== "string") return String(value);
  if (value === "=") return value;
  const text = yamlString(value, indent);
  return text.startsWith("|") ? text : folded(text, indent, column);
}

/** Breaks a scalar at single blanks beyond the width; in double quotes also before more of them. */
function folded(text: string, indent: string, from: number): string {
  const quote = /^["']/.exec(text)?.[0] ?? "";
  const last = text.length - (quote === "" ? 1 : 2);
  let out = "";
  let column = from;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? "";
    const isInside = at > (quote === "" ? -1 : 1) && at < last;
    const next = text[at + 1];
    if (
      letter === " " &&
      isInside &&
      column > width &&
      text[at - 1] !== " " &&
      (next !== " " || quote === '"')
    ) {
      out += `\n${indent}${next === " " ? "\\" : ""}`;
      column = indent.length;
      continue;
    }
    out += letter;
    column++;
  }
  return out;
}
