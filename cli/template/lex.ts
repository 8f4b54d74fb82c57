import { Fault } from "#base/fault.ts";

/** A piece of an action between `{{` and `}}`. */
export type Token =
  | { readonly kind: "field"; readonly text: string } // .Name
  | { readonly kind: "variable"; readonly text: string } // $x
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "punct"; readonly text: string; readonly spaceBefore: boolean };

/** Plain text, or an action's tokens. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly line: number };

/** Go's error of a template that cannot be parsed. */
export function parseFault(message: string, line = 1): Fault {
  return new Fault("invalid", `template: :${line}: ${message}`);
}

/**
 * Takes a template apart. `{{-` and `-}}` remove the white space beside them, comments say nothing.
 *
 * @throws {Fault} `invalid` with Go's texts
 * @see Go, package text/template, Text and spaces
 */
export function splitTemplate(source: string): readonly Part[] {
  const parts: Part[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = source.indexOf("{{", at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.trimStart();
    const trims = open >= 0 && /^\{\{-\s/.test(source.slice(open));
    if (trims) text = text.trimEnd();
    if (text !== "") parts.push({ kind: "text", text });
    if (open < 0) return parts;
    const line = source.slice(0, open).split("\n").length;
    const begin = open + (trims ? 3 : 2);
    const comment = /^\s*\/\*[\s\S]*?\*\/\s*?(\s-)?\}\}/.exec(source.slice(begin));
    if (comment !== null) {
      at = begin + comment[0].length;
      trimNext = comment[1] !== undefined;
      continue;
    }
    const end = endOfAction(source, begin, line);
    const inner = source.slice(begin, end);
    trimNext = /\s-$/.test(inner);
    parts.push({ kind: "action", tokens: lexAction(trimNext ? inner.slice(0, -1) : inner, line), line });
    at = end + 2;
  }
}

function endOfAction(source: string, begin: number, line: number): number {
  let quote = "";
  for (let at = begin; at < source.length; at++) {
    const letter = source.charAt(at);
    if (quote !== "") {
      if (letter === "\\" && quote !== "`") at++;
      else if (letter === quote) quote = "";
      else if (letter === "\n" && quote === '"') throw parseFault("unterminated quoted string", line);
    } else if (letter === '"' || letter === "`" || letter === "'") quote = letter;
    else if (source.startsWith("}}", at)) return at;
  }
  throw parseFault(
    quote === '"'
      ? "unterminated quoted string"
      : quote === "`"
        ? "unterminated raw quoted string"
        : "unclosed action",
    line,
  );
}

const patterns: readonly (readonly [RegExp, (text: string, spaceBefore: boolean, line: number) => Token])[] =
  [
    [/^"(?:[^"\\]|\\.)*"/, (text, _space, line) => ({ kind: "string", value: unquote(text, line) })],
    [/^`[^`]*`/, (text) => ({ kind: "string", value: text.slice(1, -1) })],
    [/^'(?:[^'\\]|\\.)+'/, (text) => ({ kind: "number", value: text.slice(1, -1).codePointAt(0) ?? 0 })],
    [
      /^[+-]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)/,
      (text) => ({ kind: "number", value: Number(text) }),
    ],
    [/^\$[A-Za-z0-9_]*/, (text) => ({ kind: "variable", text })],
    [/^\.[A-Za-z_][A-Za-z0-9_]*/, (text) => ({ kind: "field", text: text.slice(1) })],
    [/^[A-Za-z_][A-Za-z0-9_]*/, (text) => ({ kind: "word", text })],
    [/^(?::=|=|\||\(|\)|,|\.)/, (text, spaceBefore) => ({ kind: "punct", text, spaceBefore })],
  ];

function lexAction(source: string, line: number): readonly Token[] {
  const tokens: Token[] = [];
  let rest = source;
  for (;;) {
    const trimmed = rest.trimStart();
    const spaceBefore = trimmed.length < rest.length;
    rest = trimmed;
    if (rest === "") return tokens;
    const found = patterns
      .map(([pattern, make]) => ({ text: pattern.exec(rest)?.[0], make }))
      .find(({ text }) => text !== undefined);
    if (found?.text === undefined)
      throw parseFault(`unexpected ${JSON.stringify(rest.charAt(0))} in command`, line);
    if (spaceBefore || tokens.length === 0) tokens.push(space);
    tokens.push(found.make(found.text, spaceBefore, line));
    rest = rest.slice(found.text.length);
  }
}

/** Stands between operands: `.A .B` are two, `.A.B` is one. */
export const space: Token = { kind: "punct", text: " ", spaceBefore: true };

function unquote(text: string, line: number): string {
  const simple: Readonly<Record<string, string>> = {
    n: "\n",
    t: "\t",
    r: "\r",
    a: "\x07",
    b: "\b",
    f: "\f",
    v: "\v",
  };
  return text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\s\S])/g, (_all, escape: string) => {
    if (escape.length > 1) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    const known = simple[escape] ?? (`"'\\`.includes(escape) ? escape : undefined);
    if (known === undefined) throw parseFault("invalid syntax", line);
    return known;
  });
}
