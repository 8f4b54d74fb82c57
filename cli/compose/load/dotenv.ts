import { Fault } from "#base/fault.ts";
import { type Lookup, substitute } from "./interpolate.ts";

/**
 * Parses a `.env` file in compose's syntax: `A=b`, `A: b`, `export`, comments, quotes over several lines, and variables.
 * A name without a value is taken from the environment, or left out when that has none.
 *
 * @param lookup the environment, which wins over what the file itself has set
 * @throws {Fault} `invalid` with the line
 */
export function parseDotenv(text: string, lookup: Lookup): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const inherit: Lookup = (name) => lookup(name) ?? found.get(name);
  const source = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  let at = 0;
  for (;;) {
    at = skipBlank(source, at);
    if (at >= source.length) return found;
    const name = readName(source, at);
    if (name.isBare) {
      const inherited = inherit(name.name);
      if (inherited !== undefined) found.set(name.name, inherited);
      at = name.next;
      continue;
    }
    const value = readValue(source, name.next, inherit);
    found.set(name.name, value.text);
    at = value.next;
  }
}

/** Lines `A=b` taken as they stand, quotes and dollars included. */
export function parseRawEnv(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trimStart();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const equals = trimmed.indexOf("=");
    if (equals > 0) found.set(trimmed.slice(0, equals), trimmed.slice(equals + 1));
  }
  return found;
}

function skipBlank(source: string, from: number): number {
  const [blank = ""] = /^(?:\s+|#[^\n]*)*/.exec(source.slice(from)) ?? [];
  return from + blank.length;
}

function lineOf(source: string, at: number): number {
  return source.slice(0, at).split("\n").length;
}

interface Name {
  readonly name: string;
  readonly next: number;
  readonly isBare: boolean;
}

function readName(source: string, from: number): Name {
  const end = source.indexOf("\n", from);
  const line = source.slice(from, end < 0 ? undefined : end);
  const [prefix = ""] = /^export\s+/.exec(line) ?? [];
  const [, name = "", gap = "", separator = ""] =
    /^([\w.\-[\]]*)([ \t]*)([=:]?)/.exec(line.slice(prefix.length)) ?? [];
  const length = prefix.length + name.length + gap.length;
  if (separator === "" && length < line.length) {
    if (gap !== "" && /^[\w.\-[\]]/.test(line.slice(length)))
      throw new Fault("invalid", `line ${lineOf(source, from)}: key cannot contain a space`);
    const bad = JSON.stringify(line.charAt(length));
    const shown = JSON.stringify(line.slice(prefix.length));
    throw new Fault(
      "invalid",
      `line ${lineOf(source, from)}: unexpected character ${bad} in variable name ${shown}`,
    );
  }
  return { name, next: from + length + separator.length, isBare: separator === "" };
}

interface Value {
  readonly text: string;
  readonly next: number;
}

function readValue(source: string, from: number, lookup: Lookup): Value {
  const [gap = ""] = /^[ \t]*/.exec(source.slice(from)) ?? [];
  const start = from + gap.length;
  const quote = source.charAt(start);
  if (quote === '"' || quote === "'") return readQuoted(source, start, quote, lookup);
  const end = source.indexOf("\n", start);
  const next = end < 0 ? source.length : end;
  const text = source
    .slice(start, next)
    .replace(/\s#.*$/, "")
    .trimEnd();
  return { text: expand(text, lookup), next };
}

function readQuoted(source: string, start: number, quote: string, lookup: Lookup): Value {
  for (let at = start + 1; at < source.length; at++) {
    if (source.charAt(at) !== quote || isEscaped(source, at)) continue;
    const inner = source.slice(start + 1, at);
    const text = quote === "'" ? inner : expand(unescape(inner), lookup);
    const lineEnd = source.indexOf("\n", at);
    const rest = source.slice(at + 1, lineEnd < 0 ? undefined : lineEnd);
    return { text, next: /^\s*(#.*)?$/.test(rest) ? at + 1 + rest.length : at + 1 };
  }
  const [shown = ""] = source.slice(start).split("\n");
  throw new Fault("invalid", `line ${lineOf(source, source.length)}: unterminated quoted value ${shown}`);
}

function isEscaped(source: string, at: number): boolean {
  return source.charAt(at - 1) === "\\" && source.charAt(at - 2) !== "\\";
}

const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  $: "$$",
};

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

function expand(text: string, lookup: Lookup): string {
  return text.includes("$") ? substitute(text, lookup, () => {}) : text;
}
