import { Fault } from "#base/fault.ts";
import { goPrint, goSprintf } from "./go-format.ts";

type TemplateFunction = (...values: readonly unknown[]) => unknown;

/** Whether a value counts as true: not zero, not empty. */
export function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "" || value === 0n)
    return false;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    return Object.keys(value).length > 0;
  return true;
}

/** JSON as Go's Marshal writes it: with escapes for HTML. */
export function goMarshal(value: unknown): string {
  const escapes: Readonly<Record<string, string>> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };
  return goJson(value).replace(/[<>&]/g, (letter) => escapes[letter] ?? letter);
}

/** JSON as Go writes it, without escapes for HTML. */
export function goJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) =>
    typeof inner === "bigint"
      ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(inner))
      : inner,
  )
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

function lengthOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value !== null && typeof value === "object") return Object.keys(value).length;
  throw new Fault("invalid", `error calling len: len of type ${typeof value}`);
}

function indexOf(value: unknown, keys: readonly unknown[]): unknown {
  let found = value;
  for (const key of keys) {
    if (found === null || found === undefined)
      throw new Fault("invalid", "error calling index: index of untyped nil");
    if (Array.isArray(found)) {
      const at = Number(key);
      if (!(at >= 0 && at < found.length))
        throw new Fault("invalid", `error calling index: reflect: slice index out of range`);
      found = found[at];
    } else if (typeof found === "string") found = found.charCodeAt(Number(key));
    else {
      const map = found as Readonly<Record<string, unknown>>;
      found = Object.hasOwn(map, String(key)) ? map[String(key)] : undefined;
    }
  }
  return found;
}

function sliceOf(value: unknown, from: unknown, to: unknown): unknown {
  const end = to === undefined ? undefined : Number(to);
  const length = lengthOf(value);
  for (const at of [from, to])
    if (at !== undefined && !(Number(at) >= 0 && Number(at) <= length))
      throw new Fault("invalid", `error calling slice: index out of range: ${String(at as number)}`);
  if (typeof value === "string")
    return Buffer.from(value)
      .subarray(Number(from ?? 0), end)
      .toString();
  return (value as readonly unknown[]).slice(Number(from ?? 0), end);
}

function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b && a !== null && b !== null && a !== undefined && b !== undefined)
    throw new Fault("invalid", "error calling eq: incompatible types for comparison");
  return a === b;
}

function isLess(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b)
    throw new Fault("invalid", "error calling lt: incompatible types for comparison");
  return (a as number) < (b as number);
}

function printAll(values: readonly unknown[]): string {
  return values
    .map((value, at) => {
      const before = values[at - 1];
      const isSpaced = at > 0 && typeof value !== "string" && typeof before !== "string";
      return (isSpaced ? " " : "") + goPrint(value);
    })
    .join("");
}

const htmlEscapes: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  "'": "&#39;",
  '"': "&#34;",
};

/** Functions of Go's templates, and those that Docker's tools add. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => goJson(value),
  split: (text, mark) => String(text).split(String(mark)),
  join: (list, mark) => ((list ?? []) as readonly unknown[]).map(goPrint).join(String(mark)),
  title: (text) =>
    String(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{Ll})/gu,
      (_all, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => String(text).toLowerCase(),
  upper: (text) => String(text).toUpperCase(),
  pad: (text, before, after) =>
    text === "" ? text : " ".repeat(Number(before)) + String(text) + " ".repeat(Number(after)),
  truncate: (text, length) => Array.from(String(text)).slice(0, Number(length)).join(""),
  println: (...values) => `${values.map(goPrint).join(" ")}\n`,
  print: (...values) => printAll(values),
  printf: (format, ...values) => goSprintf(String(format), values),
  len: lengthOf,
  index: (value, ...keys) => indexOf(value, keys),
  slice: sliceOf,
  not: (value) => !isTrue(value),
  eq: (first, ...others) => others.some((other) => isEqual(first, other)),
  ne: (a, b) => !isEqual(a, b),
  lt: isLess,
  le: (a, b) => isLess(a, b) || a === b,
  gt: (a, b) => !isLess(a, b) && a !== b,
  ge: (a, b) => !isLess(a, b),
  html: (...values) => printAll(values).replace(/[<>&'"]/g, (letter) => htmlEscapes[letter] ?? letter),
  js: (...values) => JSON.stringify(printAll(values)).slice(1, -1),
  urlquery: (...values) => encodeURIComponent(printAll(values)).replaceAll("%20", "+"),
  call: (callee, ...values) => (callee as TemplateFunction)(...values),
};

/** These look at their operands one by one and stop when the answer is known. */
export const lazyFunctions = new Set(["and", "or"]);
export const functionNames: ReadonlySet<string> = new Set([...Object.keys(functions), ...lazyFunctions]);
