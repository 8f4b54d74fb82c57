import { Fault } from "#base/fault.ts";
import { formatDuration } from "#base/duration.ts";
import { parseBytes, parseComposeDuration } from "./quantities.ts";
import { splitWords } from "./split-words.ts";
import { isDict, isList, listOf, scalarText, type Dict, type Tree } from "./tree.ts";

/** A decoded value: structs are objects in the peer's field order, mappings of a user's own keys are Maps. */
export type Decoded =
  | null
  | boolean
  | number
  | string
  | readonly Decoded[]
  | ReadonlyMap<string, Decoded>
  | { readonly [field: string]: Decoded };

/** Decodes a value; undefined leaves it out, as Go's `omitempty` does. `at` names the place in messages. */
export type Kind = (value: Tree, at: string) => Decoded | undefined;

/** Where a struct keeps what its file has under `x-`. */
export const extensions = "#extensions";

export const text: Kind = (value) => (value === null || value === "" ? undefined : scalarText(value));
export const whole: Kind = (value) => (value === null || Number(value) === 0 ? undefined : Number(value));
export const wholeOrZero: Kind = (value) => (value === null ? undefined : Number(value));
export const flag: Kind = (value) => (value === true || value === "true" ? true : undefined);
export const flagOrFalse: Kind = (value) => (value === null ? undefined : value === true || value === "true");
export const texts: Kind = (value) => (isList(value) && value.length > 0 ? value.map(scalarText) : undefined);

export const bytes: Kind = (value, at) => {
  if (value === null) return undefined;
  const count = typeof value === "number" ? value : naming(at, () => parseBytes(scalarText(value)));
  return count === 0 ? undefined : String(count);
};

export const duration: Kind = (value, at) =>
  value === null ? undefined : formatDuration(naming(at, () => parseComposeDuration(scalarText(value))));

export const mode: Kind = (value) => {
  if (value === null) return undefined;
  const number = typeof value === "number" ? value : Number.parseInt(scalarText(value), 8);
  return `0${number.toString(8)}`;
};

/** A command line: words as they are, or a text that is split as a shell would. */
export const command: Kind = (value) => {
  if (value === null) return undefined;
  return isList(value) ? value.map(scalarText) : splitWords(scalarText(value));
};

export function mapOf(kind: Kind): Kind {
  return (value, at) => {
    if (!isDict(value) || Object.keys(value).length === 0) return undefined;
    const entries = Object.entries(value).map(
      ([key, item]) => [key, kind(item, `${at}.${key}`) ?? null] as const,
    );
    return new Map<string, Decoded>(entries);
  };
}

export function listOfKind(kind: Kind): Kind {
  return (value, at) => {
    const items = listOf(value).flatMap((item, index) => kind(item, `${at}[${index}]`) ?? []);
    return items.length === 0 ? undefined : items;
  };
}

/**
 * A field with its kind. One with `orNull` is null rather than left out, one with `orEmpty` an empty struct: Go's JSON has such,
 * its YAML has not.
 */
export type Field = readonly [name: string, kind: Kind, absent?: "orNull" | "orEmpty"];

export function struct(fields: readonly Field[]): Kind {
  return (value, at) => {
    if (!isDict(value)) return undefined;
    const decoded: Record<string, Decoded> = {};
    for (const [name, kind, absent] of fields) {
      const field = Object.hasOwn(value, name) ? kind(value[name] ?? null, `${at}.${name}`) : undefined;
      if (field !== undefined) decoded[name] = field;
      else if (absent === "orNull") decoded[name] = null;
      else if (absent === "orEmpty") decoded[name] = kind({}, at) ?? {};
    }
    const own = Object.entries(value).filter(([key]) => key.startsWith("x-"));
    if (own.length > 0) decoded[extensions] = new Map(own.map(([key, item]) => [key, anything(item)]));
    return decoded;
  };
}

export const stringMap = mapOf((value) => (value === null ? null : scalarText(value)));
export const labelMap = mapOf((value) => scalarText(value));

/** Anything, with mappings as Maps. */
export function anything(value: Tree): Decoded {
  if (isList(value)) return value.map(anything);
  if (!isDict(value)) return value as null | boolean | number | string;
  return new Map(Object.entries(value as Dict).map(([key, item]) => [key, anything(item)]));
}

function naming<T>(at: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const [section = "", name = "", ...rest] = at.split(".");
    const where = `'${section}[${name}].${rest.join(".")}'`;
    throw new Fault(
      "invalid",
      `decoding failed due to the following error(s):\n\n${where} ${error.message}`,
      {
        cause: error,
      },
    );
  }
}
