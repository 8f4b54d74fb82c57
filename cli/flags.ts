import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";

/** What the completion of an operand or a flag's value is taken from. */
export type CompletionKind =
  | "container"
  | "running-container"
  | "image"
  | "network"
  | "volume"
  | "context"
  | "machine"
  | "running-machine"
  | "stopped-machine"
  | "machine-image"
  | "file"
  | "command"
  | "kube-type"
  | "kube-object"
  | readonly string[];

interface FlagBase {
  /** One letter, for `-x`. */
  readonly short?: string;
  readonly help: string;
  /** Works, but is not shown: old spellings. */
  readonly hidden?: boolean;
  /** The default that the help shows. */
  readonly shownDefault?: string;
}

/** A flag of a command, by kind. `value` is the placeholder that the help shows. */
export type FlagSpec =
  | (FlagBase & { readonly kind: "bool"; readonly isOn?: boolean })
  | (FlagBase & { readonly kind: "count" })
  | (FlagBase & {
      readonly kind: "text" | "list" | "number";
      readonly value: string;
      /** Throws a Fault whose message says what is wrong with a value. */
      readonly check?: (text: string) => void;
      readonly complete?: CompletionKind;
      /** What the flag stands for without a value, which has to follow a `=` then. */
      readonly bare?: string;
    });

/** Flags by their long name. */
export type FlagTable = Readonly<Record<string, FlagSpec>>;

interface ValueOfKind {
  readonly bool: boolean;
  readonly count: number;
  readonly text: string | undefined;
  readonly list: readonly string[];
  readonly number: number | undefined;
}

export type FlagValues<T extends FlagTable> = { readonly [Name in keyof T]: ValueOfKind[T[Name]["kind"]] };

interface FlagOptions {
  readonly hidden?: boolean;
  readonly shownDefault?: string;
}
interface ValueOptions extends FlagOptions {
  readonly check?: (text: string) => void;
  readonly complete?: CompletionKind;
  readonly bare?: string;
}

export function bool(help: string, short?: string, options: FlagOptions & { readonly isOn?: boolean } = {}) {
  return { kind: "bool", help, ...(short ? { short } : {}), ...options } as const satisfies FlagSpec;
}
export function text(value: string, help: string, short?: string, options: ValueOptions = {}) {
  return { kind: "text", value, help, ...(short ? { short } : {}), ...options } as const satisfies FlagSpec;
}
export function list(value: string, help: string, short?: string, options: ValueOptions = {}) {
  return { kind: "list", value, help, ...(short ? { short } : {}), ...options } as const satisfies FlagSpec;
}
export function number(value: string, help: string, short?: string, options: ValueOptions = {}) {
  return { kind: "number", value, help, ...(short ? { short } : {}), ...options } as const satisfies FlagSpec;
}

export interface ParsedFlags<T extends FlagTable> {
  readonly values: FlagValues<T>;
  /** The flags that were given. */
  readonly given: ReadonlySet<string>;
  /** What is not a flag, in order, without the `--`. */
  readonly operands: readonly string[];
}

/**
 * Parses a command line as Docker's tools do: `--x=y`, `--x y`, `-xy`, `-x=y`, `-it` for `-i -t`, `--flag=false`, and `--` to
 * end the flags. A text flag given twice keeps the last value, a list collects (one shown as `strings` also takes values apart at
 * commas), a count counts.
 *
 * With `interspersed` flags may follow operands; without it the first operand ends them and the rest is left alone.
 *
 * @throws {Fault} `invalid` for a flag that is unknown, lacks its value, or has one that is not of its kind
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  options: { readonly interspersed: boolean },
): ParsedFlags<T> {
  const found = new Map<string, string[]>();
  const operands: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "--") {
      operands.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      if (!options.interspersed) {
        operands.push(...argv.slice(at));
        break;
      }
      operands.push(word);
      continue;
    }
    const read = word.startsWith("--")
      ? readLong(table, word, argv[at + 1])
      : readShort(table, word, argv[at + 1]);
    for (const { name, text } of read.flags) append(found, name, text, table[name]);
    if (read.tookNext) at++;
  }
  return { values: valuesOf(table, found), given: new Set(found.keys()), operands };
}

interface ReadFlags {
  readonly flags: readonly { readonly name: string; readonly text: string }[];
  readonly tookNext: boolean;
}

function readLong(table: FlagTable, word: string, next: string | undefined): ReadFlags {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const spec = Object.hasOwn(table, name) ? table[name] : undefined;
  if (name === "") throw new Fault("invalid", `bad flag syntax: ${word}`);
  if (spec === undefined) throw new Fault("invalid", `unknown flag: --${name}`);
  if (equals >= 0) return { flags: [{ name, text: word.slice(equals + 1) }], tookNext: false };
  if (!needsValue(spec)) return { flags: [{ name, text: bareText(spec) }], tookNext: false };
  if (next === undefined) throw new Fault("invalid", `flag needs an argument: --${name}`);
  return { flags: [{ name, text: next }], tookNext: true };
}

function readShort(table: FlagTable, word: string, next: string | undefined): ReadFlags {
  const flags: { name: string; text: string }[] = [];
  for (let at = 1; at < word.length; at++) {
    const letter = word.charAt(at);
    const rest = word.slice(at + 1);
    const [name, spec] = findShort(table, letter, word.slice(at));
    if (rest.startsWith("=")) return { flags: [...flags, { name, text: rest.slice(1) }], tookNext: false };
    if (!needsValue(spec)) {
      flags.push({ name, text: bareText(spec) });
      continue;
    }
    if (rest !== "") return { flags: [...flags, { name, text: rest }], tookNext: false };
    if (next === undefined)
      throw new Fault("invalid", `flag needs an argument: '${letter}' in -${word.slice(at)}`);
    return { flags: [...flags, { name, text: next }], tookNext: true };
  }
  return { flags, tookNext: false };
}

function findShort(table: FlagTable, letter: string, rest: string): readonly [string, FlagSpec] {
  const found = Object.entries(table).find(([, spec]) => spec.short === letter);
  if (found === undefined) throw new Fault("invalid", `unknown shorthand flag: '${letter}' in -${rest}`);
  return found;
}

export function needsValue(spec: FlagSpec): boolean {
  return spec.kind !== "bool" && spec.kind !== "count" && spec.bare === undefined;
}

function bareText(spec: FlagSpec): string {
  return "bare" in spec && spec.bare !== undefined ? spec.bare : "true";
}

function append(found: Map<string, string[]>, name: string, text: string, spec: FlagSpec | undefined): void {
  const more = spec?.kind === "list" && spec.value === "strings" ? text.split(",") : [text];
  const texts = found.get(name);
  if (texts === undefined) found.set(name, more);
  else texts.push(...more);
}

function valuesOf<T extends FlagTable>(
  table: T,
  found: ReadonlyMap<string, readonly string[]>,
): FlagValues<T> {
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) values[name] = valueOf(name, spec, found.get(name) ?? []);
  return values as FlagValues<T>;
}

function valueOf(name: string, spec: FlagSpec, texts: readonly string[]): unknown {
  switch (spec.kind) {
    case "bool":
      return texts.map((text) => parseBool(name, spec, text)).at(-1) ?? spec.isOn ?? false;
    case "count":
      return texts.reduce((sum, text) => (text === "true" ? sum + 1 : parseNumber(name, spec, text)), 0);
    case "number":
      return checked(name, spec, texts)
        .map((text) => parseNumber(name, spec, text))
        .at(-1);
    case "text":
      return checked(name, spec, texts).at(-1);
    case "list":
      return checked(name, spec, texts);
    default:
      return spec satisfies never;
  }
}

function checked(
  name: string,
  spec: Extract<FlagSpec, { readonly value: string }>,
  texts: readonly string[],
): readonly string[] {
  for (const text of texts) {
    try {
      spec.check?.(text);
    } catch (error) {
      throw badValue(name, spec, text, error instanceof Error ? error.message : String(error));
    }
  }
  return texts;
}

function parseBool(name: string, spec: FlagSpec, text: string): boolean {
  const value = findBool(text);
  if (value !== undefined) return value;
  throw badValue(name, spec, text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseNumber(name: string, spec: FlagSpec, text: string): number {
  const isUnsigned = "value" in spec && spec.value.startsWith("uint");
  const call = `strconv.${isUnsigned ? "ParseUint" : "ParseInt"}: parsing ${JSON.stringify(text)}`;
  if (!(isUnsigned ? /^\d+$/ : /^[+-]?\d+$/).test(text))
    throw badValue(name, spec, text, `${call}: invalid syntax`);
  if (text.length > 18 || ("value" in spec && spec.value === "uint16" && Number(text) > 65535))
    throw badValue(name, spec, text, `${call}: value out of range`);
  return Number(text);
}

function badValue(name: string, spec: FlagSpec, text: string, why: string): Fault {
  const shown = spec.short === undefined ? `--${name}` : `-${spec.short}, --${name}`;
  return new Fault("invalid", `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${why}`);
}
