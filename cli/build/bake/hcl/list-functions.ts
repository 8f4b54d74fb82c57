import { isIn, list, map, number, once, text, whole } from "./arguments.ts";
import { type HclFunction, isList, isSame } from "./evaluate.ts";
import type { HclObject, HclValue } from "./syntax.ts";

/** Of bake, too: an object is a list of its values where a list is wanted. */
function lengthOf(value: HclValue | undefined): number {
  if (typeof value === "string") return Array.from(value).length;
  return Array.isArray(value) ? value.length : Object.keys(map(value)).length;
}

function range(values: readonly number[]): readonly number[] {
  const [from, to] = values.length === 1 ? [0, values[0] ?? 0] : [values[0] ?? 0, values[1] ?? 0];
  const step = values[2] ?? (to < from ? -1 : 1);
  if (step === 0) throw new Error("step must not be zero");
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (count > 1024)
    throw new Error(
      "more than 1024 values were generated; either decrease the difference between start and end or use a smaller step",
    );
  return Array.from({ length: count }, (_, at) => from + at * step);
}

function flat(values: readonly HclValue[]): readonly HclValue[] {
  return values.flatMap((one) => (isList(one) ? flat(one) : [one]));
}

function product(lists: readonly (readonly HclValue[])[]): readonly (readonly HclValue[])[] {
  const [first, ...rest] = lists;
  if (first === undefined) return [[]];
  const others = product(rest);
  const made = first.flatMap((one) => others.map((other) => [one, ...other]));
  if (made.length > 100_000) throw new Error("too many combinations");
  return made;
}

function chunks(values: readonly HclValue[], size: number): readonly HclValue[] {
  if (size <= 0) return [values];
  return Array.from({ length: Math.ceil(values.length / size) }, (_, at) =>
    values.slice(at * size, (at + 1) * size),
  );
}

function element(values: readonly HclValue[], at: number): HclValue {
  if (values.length === 0) throw new Error("cannot use element function with an empty list");
  return values[((at % values.length) + values.length) % values.length] ?? null;
}

const sorted = (names: readonly string[]) => names.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));

function own(object: HclObject, name: string): HclValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function found(value: HclValue | undefined, wanted: string): HclValue {
  if (value === undefined) throw new Error(wanted);
  return value;
}

/** Functions of bake's files about lists and objects. @see Docker docs, "Bake standard library functions" */
export const listFunctions: Readonly<Record<string, HclFunction>> = {
  chunklist: ([a, b]) => chunks(list(a), whole(b)),
  coalesce: (all) =>
    found(
      all.find((one) => one !== null && one !== ""),
      "no non-null arguments",
    ),
  coalescelist: (all) =>
    found(
      all.find((one) => lengthOf(one) > 0),
      "no non-null arguments",
    ),
  compact: ([a]) => list(a).filter((one) => one !== "" && one !== null),
  concat: (all) => all.flatMap(list),
  contains: ([a, b = null]) => isIn(list(a), b),
  distinct: ([a]) => once(list(a)),
  element: ([a, b]) => element(list(a), whole(b)),
  flatten: ([a]) => flat(list(a)),
  hasindex: ([a = null, b = null]) =>
    isList(a)
      ? typeof b === "number" && b >= 0 && b < a.length
      : typeof b === "string" && Object.hasOwn(map(a), b),
  index: ([a = null, b = null]) =>
    found(
      isList(a) ? a[number(b)] : own(map(a), text(b)),
      "the given key does not identify an element in this collection value",
    ),
  keys: ([a]) => sorted(Object.keys(map(a))),
  length: ([a]) => lengthOf(a),
  lookup: ([a, b, c]) => {
    const [object, key] = [map(a), text(b)];
    return found(
      Object.hasOwn(object, key) ? object[key] : c,
      `the given object has no attribute ${JSON.stringify(key)}`,
    );
  },
  merge: (all) => Object.assign({}, ...all.filter((one) => one !== null).map(map)),
  range: (all) => range(all.map(number)),
  reverselist: ([a]) => list(a).toReversed(),
  sethaselement: ([a, b = null]) => isIn(list(a), b),
  setintersection: ([a, ...others]) =>
    once(list(a)).filter((one) => others.every((other) => isIn(list(other), one))),
  setproduct: (all) => product(all.map(list)),
  setsubtract: ([a, b]) => once(list(a)).filter((one) => !isIn(list(b), one)),
  setsymmetricdifference: ([a, b]) =>
    once([...list(a).filter((one) => !isIn(list(b), one)), ...list(b).filter((one) => !isIn(list(a), one))]),
  setunion: (all) => once(all.flatMap(list)),
  slice: ([a, b, c]) => list(a).slice(whole(b), whole(c)),
  sort: ([a]) => sorted(list(a).map(text)),
  values: ([a]) => sorted(Object.keys(map(a))).map((name) => map(a)[name] ?? null),
  zipmap: ([a, b]) => Object.fromEntries(list(a).map((name, at) => [text(name), list(b)[at] ?? null])),
  equal: ([a = null, b = null]) => isSame(a, b),
  notequal: ([a = null, b = null]) => !isSame(a, b),
};
