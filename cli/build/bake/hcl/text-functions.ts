import type { HclFunction } from "./evaluate.ts";
import { list, number, text, whole } from "./arguments.ts";
import { formatText } from "./format.ts";
import type { HclValue } from "./syntax.ts";

const letters = (value: string) => [...new Intl.Segmenter().segment(value)].map(({ segment }) => segment);

function substr(value: string, from: number, length: number): string {
  const all = letters(value);
  const start = from < 0 ? Math.max(0, all.length + from) : from;
  return all.slice(start, length < 0 ? undefined : start + length).join("");
}

function indent(spaces: number, value: string): string {
  return value.replaceAll("\n", `\n${" ".repeat(spaces)}`);
}

function isOneOf(signs: string): (letter: string) => boolean {
  const all = new Set(signs);
  return (letter) => all.has(letter);
}

function trimmed(value: string, isCut: (letter: string) => boolean): string {
  const all = Array.from(value);
  const first = all.findIndex((letter) => !isCut(letter));
  return first < 0 ? "" : all.slice(first, all.findLastIndex((letter) => !isCut(letter)) + 1).join("");
}

/** RE2's expressions, which are nearly those of JavaScript. */
function expression(pattern: string, flags: string): RegExp {
  const inline = /^\(\?([ims]+)\)/.exec(pattern);
  const source = pattern.slice(inline?.[0].length ?? 0).replaceAll("(?P<", "(?<");
  return new RegExp(source, `${flags}u${inline?.[1] ?? ""}`);
}

/** What a match is: itself, its groups, or its groups by name. */
function captured(found: RegExpMatchArray): HclValue {
  if (found.groups !== undefined)
    return Object.fromEntries(Object.entries(found.groups).map(([name, value]) => [name, value ?? null]));
  return found.length === 1 ? found[0] : found.slice(1).map((value) => value ?? null);
}

function regex(pattern: string, value: string): HclValue {
  const found = expression(pattern, "").exec(value);
  if (found === null) throw new Error("pattern did not match any part of the given string");
  return captured(found);
}

/** A text between slashes is an expression. */
function replace(value: string, wanted: string, by: string): string {
  return value.replaceAll(wanted, () => by);
}

function replaceExpression(value: string, pattern: string, by: string): string {
  const plain = by.replaceAll(
    /\$\{(\w+)\}|\$(\w+)/g,
    (_, braced: string | undefined, bare: string | undefined) => {
      const name = braced ?? bare ?? "";
      return /^\d+$/.test(name) ? `$${name === "0" ? "&" : name}` : `$<${name}>`;
    },
  );
  return value.replace(expression(pattern, "g"), plain);
}

/** Functions of bake's files that make texts. @see Docker docs, "Bake standard library functions" */
export const textFunctions: Readonly<Record<string, HclFunction>> = {
  byteslen: ([a]) => Buffer.byteLength(text(a)),
  chomp: ([a]) => text(a).replace(/[\r\n]+$/, ""),
  format: ([a, ...rest]) => formatText(text(a), rest),
  formatlist: ([a, ...rest]) => {
    const lists = rest.filter((one) => Array.isArray(one)) as readonly (readonly HclValue[])[];
    const count = lists[0]?.length ?? 1;
    return Array.from({ length: count }, (_, at) =>
      formatText(
        text(a),
        rest.map((one) => (Array.isArray(one) ? ((one[at] ?? null) as HclValue) : one)),
      ),
    );
  },
  indent: ([a, b]) => indent(whole(a), text(b)),
  indexof: ([a, b]) => {
    const at = list(a).findIndex((one) => one === b);
    if (at < 0) throw new Error("item not found");
    return at;
  },
  join: ([a, ...lists]) => lists.flatMap((one) => list(one).map(text)).join(text(a)),
  lower: ([a]) => text(a).toLowerCase(),
  regex: ([a, b]) => regex(text(a), text(b)),
  regex_replace: ([a, b, c]) => replaceExpression(text(a), text(b), text(c)),
  regexall: ([a, b]) => [...text(b).matchAll(expression(text(a), "g"))].map(captured),
  replace: ([a, b, c]) => replace(text(a), text(b), text(c)),
  reverse: ([a]) => letters(text(a)).reverse().join(""),
  sanitize: ([a]) => text(a).replaceAll(/[^a-zA-Z0-9_-]+/g, "_"),
  split: ([a, b]) => text(b).split(text(a)),
  strlen: ([a]) => letters(text(a)).length,
  substr: ([a, b, c]) => substr(text(a), whole(b), whole(c)),
  title: ([a]) => text(a).replaceAll(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase()),
  trim: ([a, b]) => trimmed(text(a), isOneOf(text(b))),
  trimprefix: ([a, b]) => (text(a).startsWith(text(b)) ? text(a).slice(text(b).length) : text(a)),
  trimspace: ([a]) => text(a).trim(),
  trimsuffix: ([a, b]) =>
    text(b) !== "" && text(a).endsWith(text(b)) ? text(a).slice(0, -text(b).length) : text(a),
  upper: ([a]) => text(a).toUpperCase(),
  parseint: ([a, b]) => {
    const [digits, base] = [text(a), number(b)];
    const value = Number.parseInt(digits, base);
    if (Number.isNaN(value))
      throw new Error(`cannot parse ${JSON.stringify(digits)} as a base ${base} integer`);
    return value;
  },
};
