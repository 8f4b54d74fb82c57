import { messageOf } from "#base/fault.ts";
import { Exit } from "../failure.ts";
import type { Terminal } from "../output/terminal.ts";
import { compileTemplate } from "../template/execute.ts";
import { structMark } from "../template/go-format.ts";
import { unescapeFormat } from "./formatter.ts";

/** JSON with four blanks a level, as Go indents it: texts and numbers stay as they came. */
export function indentJson(text: string): string {
  let out = "";
  let depth = 0;
  const line = () => `\n${"    ".repeat(depth)}`;
  for (const token of text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g) ?? []) {
    if (token === "{" || token === "[") {
      depth++;
      out += token + line();
    } else if (token === "}" || token === "]") {
      depth--;
      const isEmpty = /[[{]\s*$/.test(out.slice(-200)) && /[[{]\n\s*$/.test(out.slice(-200));
      out = isEmpty ? out.trimEnd() + token : out + line() + token;
    } else if (token === ",") out += `,${line()}`;
    else if (token === ":") out += ": ";
    else out += token;
  }
  return out;
}

/** JSON of the daemon as data for templates: numbers that JavaScript would round are bigint. */
export function parseExact(text: string): unknown {
  type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
  const exact: Reviver = (_key, value, { source }) =>
    typeof value === "number" &&
    !Number.isSafeInteger(value) &&
    source !== undefined &&
    /^-?\d+$/.test(source)
      ? BigInt(source)
      : value;
  return (JSON.parse as (text: string, reviver: Reviver) => unknown)(text, exact);
}

/**
 * Formats objects by a template, a line each: `json` is one line for all. What was written before a failure stays.
 *
 * @throws {Exit} 64 for a template that makes no sense, 1 where it does not fit, with Docker's texts
 */
export function inspectByTemplate(
  format: string,
  texts: readonly string[],
  write: (line: string) => void,
): void {
  if (format === "json")
    return write(`${JSON.stringify(texts.map((text) => JSON.parse(text) as unknown))}\n`);
  const template = templateOf(format);
  for (const text of texts) {
    try {
      write(`${template.execute(markStructs(parseExact(text)), { isStrict: true })}\n`);
    } catch (error) {
      write("\n");
      throw new Exit(1, `template parsing error: ${messageOf(error)}`);
    }
  }
}

/** Values under these keys are maps in Docker's types; all other objects are structs and print so. */
const maps = new Set([
  "Labels",
  "Ports",
  "PortBindings",
  "Networks",
  "ExposedPorts",
  "Volumes",
  "Options",
  "Containers",
  "Config.LogConfig",
  "Tmpfs",
  "Sysctls",
  "StorageOpt",
  "Annotations",
  "DriverOpts",
  "AuxiliaryAddresses",
  "Data",
]);

function markStructs(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => markStructs(item));
  if (value === null || typeof value !== "object") return value;
  const copy: Record<string | symbol, unknown> = {};
  const isMap = maps.has(key) || (key === "Config" && !("Image" in value));
  const entries = Object.entries(value);
  // Go sorts the keys of maps and keeps the order of a struct's fields.
  if (isMap) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, inner] of entries) copy[name] = markStructs(inner, name);
  if (!isMap) Object.defineProperty(copy, structMark, { value: true, enumerable: false });
  return copy;
}

/**
 * One object by a template. What goes wrong in the middle ends the line first.
 *
 * @param typeName what Go calls the object, for its texts
 * @throws {Exit} 64 for a template that makes no sense, with Docker's text
 */
export function objectByTemplate(format: string, data: object, typeName: string, out: Terminal): string {
  const template = templateOf(format);
  try {
    return template.execute(data, { typeName });
  } catch (error) {
    out.write("\n");
    throw error;
  }
}

function templateOf(format: string): ReturnType<typeof compileTemplate> {
  try {
    return compileTemplate(unescapeFormat(format));
  } catch (error) {
    throw new Exit(64, `template parsing error: ${messageOf(error)}`);
  }
}
