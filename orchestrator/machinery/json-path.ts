import { goMapJson, goNumber } from "./go-text.ts";
import { isSameJson } from "./json-equal.ts";
import { isObject } from "./is-object.ts";

type Step =
  | { readonly is: "field"; readonly name: string }
  | { readonly is: "index"; readonly at: number }
  | { readonly is: "slice"; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly is: "all" }
  | { readonly is: "deep"; readonly name: string }
  | {
      readonly is: "filter";
      readonly path: readonly Step[];
      readonly operator: string;
      readonly value: unknown;
    };

export type JsonPath = readonly Step[];

/**
 * Reads a path as columns of custom kinds have it: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.metadata.labels['app\.kubernetes\.io/name']`.
 *
 * @returns undefined for what is no such path
 * @see Kubernetes, "JSONPath Support"
 */
export function findJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  let rest = text.replace(/^\$/, "");
  while (rest !== "" && rest !== ".") {
    const found = stepOf(rest);
    if (found === undefined) return undefined;
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

const name = "((?:[^.\\[\\]\\\\\\s]|\\\\.)+)";
const patterns: readonly (readonly [RegExp, (groups: readonly string[]) => Step | undefined])[] = [
  [new RegExp(`^\\.\\.${name}`), ([text = ""]) => ({ is: "deep", name: unescape(text) })],
  [/^\.?\[\*\]|^\.\*/, () => ({ is: "all" })],
  [/^\.?\[(-?\d{1,9})\]/, ([at = "0"]) => ({ is: "index", at: Number(at) })],
  [
    /^\.?\[(-?\d{0,9}):(-?\d{0,9})\]/,
    ([from = "", to = ""]) => ({ is: "slice", from: bound(from), to: bound(to) }),
  ],
  [/^\.?\['((?:[^'\\]|\\.)*)'\]/, ([text = ""]) => ({ is: "field", name: unescape(text) })],
  [/^\.?\["((?:[^"\\]|\\.)*)"\]/, ([text = ""]) => ({ is: "field", name: unescape(text) })],
  [/^\.?\[\?\(\s*@([^=!<>]*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)\]/, filterOf],
  [new RegExp(`^\\.${name}`), ([text = ""]) => ({ is: "field", name: unescape(text) })],
];

function stepOf(text: string): { readonly step: Step; readonly length: number } | undefined {
  for (const [pattern, make] of patterns) {
    const match = pattern.exec(text);
    const step = match === null ? undefined : make(match.slice(1));
    if (match !== null && step !== undefined) return { step, length: match[0].length };
  }
  return undefined;
}

function bound(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, "$1");
}

function filterOf([path = "", operator, literal]: readonly string[]): Step | undefined {
  const steps = findJsonPath(path);
  if (steps === undefined) return undefined;
  const value = literal === undefined ? undefined : literalOf(literal);
  return { is: "filter", path: steps, operator: operator ?? "exists", value };
}

function literalOf(text: string): unknown {
  const quoted = /^'(.*)'$|^"(.*)"$/s.exec(text);
  if (quoted !== null) return unescape(quoted[1] ?? quoted[2] ?? "");
  if (text === "true" || text === "false") return text === "true";
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

/** All values that a path leads to. */
export function valuesAt(path: JsonPath, root: unknown): readonly unknown[] {
  let values: readonly unknown[] = [root];
  for (const step of path) values = values.flatMap((value) => next(step, value));
  return values;
}

function next(step: Step, value: unknown): readonly unknown[] {
  switch (step.is) {
    case "field":
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "index": {
      const item = Array.isArray(value) ? value.at(step.at) : undefined;
      return item === undefined ? [] : [item];
    }
    case "slice":
      return Array.isArray(value) ? value.slice(step.from, step.to) : [];
    case "all":
      return membersOf(value);
    case "deep":
      return deep(step.name, value);
    case "filter":
      return membersOf(value).filter((item) => passes(step, item));
    default:
      return step satisfies never;
  }
}

function membersOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function deep(field: string, value: unknown): readonly unknown[] {
  const own = isObject(value) && Object.hasOwn(value, field) ? [value[field]] : [];
  return [...own, ...membersOf(value).flatMap((member) => deep(field, member))];
}

function passes({ path, operator, value }: Step & { readonly is: "filter" }, item: unknown): boolean {
  const [found] = valuesAt(path, item);
  if (operator === "exists") return found !== undefined;
  if (operator === "==") return isSameJson(found, value);
  if (operator === "!=") return found !== undefined && !isSameJson(found, value);
  if (typeof found !== typeof value || (typeof found !== "number" && typeof found !== "string")) return false;
  const limit = value as typeof found;
  if (operator === "<") return found < limit;
  if (operator === ">") return found > limit;
  return operator === "<=" ? found <= limit : found >= limit;
}

/** A value as text in a table. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return goNumber(value);
  return value === null ? "<nil>" : goMapJson(value);
}
