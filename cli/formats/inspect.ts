import { Fault, messageOf } from "#base/fault.ts";
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
 * Formats one object by a template: `json` or a Go template.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function inspectByTemplate(format: string, texts: readonly string[]): string {
  const source = format === "json" ? "{{json .}}" : unescapeFormat(format);
  let template: ReturnType<typeof compileTemplate>;
  try {
    template = compileTemplate(source);
  } catch (error) {
    throw new Fault("invalid", `template parsing error: ${messageOf(error)}`);
  }
  return texts
    .map((text) => {
      const data = markStructs(parseExact(text));
      try {
        return `${template.execute(data, { isStrict: true })}\n`;
      } catch (error) {
        throw new Fault("invalid", `template parsing error: ${messageOf(error)}`);
      }
    })
    .join("");
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
  for (const [name, inner] of Object.entries(value)) copy[name] = markStructs(inner, name);
  if (!maps.has(key) && !(key === "Config" && !("Image" in value)))
    Object.defineProperty(copy, structMark, { value: true, enumerable: false });
  return copy;
}
