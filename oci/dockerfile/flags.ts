import { Fault } from "#base/fault.ts";
import { suggestion } from "./suggest.ts";
import { isSpace } from "./words.ts";

/** Flags before an instruction's arguments: `--name=value`, or `--name` alone. */
export interface Flags {
  readonly values: readonly (readonly [name: string, value: string | undefined])[];
  readonly rest: string;
}

/** Takes the flags off the front. A lone `--` ends them. */
export function takeFlags(text: string, escape: string): Flags {
  const values: [string, string | undefined][] = [];
  let rest = text;
  while (rest.startsWith("--")) {
    const { word, length } = takeWord(rest, escape);
    rest = rest.slice(length).trimStart();
    if (word === "--") break;
    const equals = word.indexOf("=");
    values.push(equals < 0 ? [word.slice(2), undefined] : [word.slice(2, equals), word.slice(equals + 1)]);
  }
  return { values, rest };
}

/** Quotes and escapes count, and are taken out. */
function takeWord(text: string, escape: string): { readonly word: string; readonly length: number } {
  let word = "";
  let quote = "";
  let at = 0;
  for (; at < text.length; at++) {
    const char = text[at] as string;
    if (quote === "" && isSpace(char)) break;
    if (char === escape && text[at + 1] !== undefined && quote !== "'") word += text[++at];
    else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
    else word += char;
  }
  return { word, length: at };
}

type Kind = "text" | "boolean" | "list";

/** Checks flags against what an instruction knows. */
export class FlagReader {
  readonly #given = new Map<string, string[]>();

  /** @throws {Fault} `invalid` for an unknown flag, one given twice, or one without its value */
  constructor(keyword: string, flags: Flags, known: Readonly<Record<string, Kind>>) {
    for (const [name, value] of flags.values) {
      const kind = Object.hasOwn(known, name) ? known[name] : undefined;
      if (kind === undefined)
        throw new Fault("invalid", `unknown flag: --${name}${suggestion(name, Object.keys(known))}`);
      const earlier = this.#given.get(name);
      if (earlier !== undefined && kind !== "list")
        throw new Fault("invalid", `duplicate flag specified: ${name}`);
      if (value === undefined && kind !== "boolean")
        throw new Fault("invalid", `missing a value on flag: ${name}`);
      if (kind === "boolean" && value !== undefined && value !== "true" && value !== "false")
        throw new Fault("invalid", `expecting boolean value for flag ${name}, not: ${value}`);
      this.#given.set(name, [...(earlier ?? []), value ?? "true"]);
    }
    this.keyword = keyword;
  }

  readonly keyword: string;

  find(name: string): string | undefined {
    return this.#given.get(name)?.[0];
  }

  all(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  is(name: string): boolean {
    return this.find(name) === "true";
  }
}
