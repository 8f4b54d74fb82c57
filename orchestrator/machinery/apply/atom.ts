import { isObject } from "../is-object.ts";
import type { TypeSchema, ValueSchema } from "../schema.ts";

/**
 * What apply must know of a value: the forms that it may have, and how each is merged. A value that may have any form has all
 * three. Custom resources bring their own.
 *
 * @see Kubernetes, "Server-Side Apply", merge strategy
 */
export interface Atom {
  readonly scalar?: "string" | "numeric" | "boolean" | "untyped";
  readonly list?: ListAtom;
  readonly map?: MapAtom;
}

export interface ListAtom {
  readonly isAtomic: boolean;
  /** Of a list of objects that is no atomic one; without them it is a set. */
  readonly keys: readonly string[];
  readonly items: Atom;
}

export interface MapAtom {
  readonly isAtomic: boolean;
  /** Undefined for a name that is none of a field. */
  findField(name: string): Atom | undefined;
  /** What an absent field means, where it is a key of a list. */
  findDefault(name: string): unknown;
  /** Of all names that are no fields; absent: there are none. */
  readonly values?: Atom;
  /** Whether there are fields at all. */
  readonly hasFields: boolean;
}

/** Any value, as one. */
export const atomic: Atom = {
  scalar: "untyped",
  list: { isAtomic: true, keys: [], items: { scalar: "untyped" } },
  map: { ...freeMap(() => ({ scalar: "untyped" })), isAtomic: true },
};

/** Any value: objects are merged, lists are not. */
export const deduced: Atom = {
  scalar: "untyped",
  list: { isAtomic: true, keys: [], items: atomic },
  map: freeMap(() => deduced),
};

function freeMap(values: () => Atom): MapAtom {
  return {
    isAtomic: false,
    hasFields: false,
    findField: () => undefined,
    findDefault: () => undefined,
    get values() {
      return values();
    },
  };
}

const ofTypes = new WeakMap<TypeSchema, Atom>();

/** Of a built-in type. */
export function atomOfType(type: TypeSchema, isAtomic = type.isAtomic): Atom {
  const known = isAtomic === type.isAtomic ? ofTypes.get(type) : undefined;
  if (known !== undefined) return known;
  const fields = new Map<string, Atom>();
  const map: MapAtom = {
    isAtomic,
    hasFields: true,
    findField: (name) => {
      const own = fields.get(name);
      const schema = own === undefined ? type.fields.get(name) : undefined;
      if (schema === undefined) return own;
      const atom = atomOfValue(schema.value);
      fields.set(name, atom);
      return atom;
    },
    findDefault: (name) => type.fields.get(name)?.default,
  };
  if (isAtomic === type.isAtomic) ofTypes.set(type, { map });
  return { map };
}

function atomOfValue(value: ValueSchema): Atom {
  switch (value.kind) {
    case "string":
    case "bytes":
      return { scalar: "string" };
    case "boolean":
      return { scalar: "boolean" };
    case "integer":
    case "number":
      return { scalar: "numeric" };
    case "time":
    case "micro-time":
    case "quantity":
    case "int-or-string":
      return { scalar: "untyped" };
    case "any":
      return value.wire === "json" ? deduced : { map: freeMap(() => deduced) };
    case "schema-or":
      return deduced;
    case "object":
      return atomOfType(value.type, value.isAtomic);
    case "map": {
      const values = value.values;
      return { map: { ...freeMap(() => atomOfValue(values)), isAtomic: value.isAtomic } };
    }
    case "list": {
      const { listType, keys, items } = value;
      return {
        list: {
          isAtomic: listType === "atomic",
          keys: listType === "map" ? keys : [],
          items: atomOfValue(items),
        },
      };
    }
    default:
      return value satisfies never;
  }
}

/** The form that a value has, of those that it may have; all of them for what has none: null, and what is not there. */
export function formOf(atom: Atom, value: unknown): Atom {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return atom.scalar === undefined ? atom : { scalar: atom.scalar };
    case "object":
      if (value === null) return atom;
      if (Array.isArray(value)) return atom.list === undefined ? atom : { list: atom.list };
      return atom.map === undefined ? atom : { map: atom.map };
    default:
      return atom;
  }
}

export function isSameForm(a: Atom, b: Atom): boolean {
  return a.scalar === b.scalar && a.list === b.list && a.map === b.map;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function findObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

export function findList(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

export function atomOfField(map: MapAtom, name: string): Atom {
  return map.findField(name) ?? map.values ?? {};
}
