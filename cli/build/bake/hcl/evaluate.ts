import { isFault, messageOf } from "#base/fault.ts";
import { hclProblem } from "./problem.ts";
import type { Expression, HclObject, HclRange, HclValue, TemplatePart } from "./syntax.ts";

/** What names stand for. */
export interface Scope {
  /** Undefined when there is no such variable. */
  variable(name: string): HclValue | undefined;
  /** Undefined when there is no such function. */
  call(name: string): HclFunction | undefined;
}

/** @throws {Error} with what is wrong with the arguments */
export type HclFunction = (args: readonly HclValue[]) => HclValue;

/** Values by their names, in front of a scope. */
export function within(scope: Scope, names: ReadonlyMap<string, HclValue>): Scope {
  return {
    call: (name) => scope.call(name),
    variable: (name) => (names.has(name) ? (names.get(name) ?? null) : scope.variable(name)),
  };
}

const itemName = "*";

/** @throws {Fault} `invalid` with the place in the file. @see hclsyntax/spec.md, "Expressions" */
export function evaluate(expression: Expression, scope: Scope): HclValue {
  const { range } = expression;
  const valueOf = (one: Expression) => evaluate(one, scope);
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "template":
      return evaluateTemplate(expression.parts, scope, range);
    case "variable":
      return variableOf(expression.name, scope, range);
    case "item":
      return scope.variable(itemName) ?? null;
    case "attribute":
      return elementOf(valueOf(expression.of), expression.name, range);
    case "index":
      return elementOf(valueOf(expression.of), valueOf(expression.key), range);
    case "splat": {
      const of = valueOf(expression.of);
      const items = isList(of) ? of : of === null ? [] : [of];
      return items.map((item) => evaluate(expression.each, within(scope, new Map([[itemName, item]]))));
    }
    case "call":
      return callOf(expression, scope);
    case "unary":
      return expression.operator === "!"
        ? !booleanOf(valueOf(expression.operand), range, "Unsuitable value for unary operand")
        : -numberOf(valueOf(expression.operand), range, "Unsuitable value for unary operand");
    case "binary":
      return binaryOf(expression, scope);
    case "conditional":
      return booleanOf(
        valueOf(expression.condition),
        expression.condition.range,
        "The condition value is unsuitable",
      )
        ? valueOf(expression.yes)
        : valueOf(expression.no);
    case "list":
      return expression.items.map(valueOf);
    case "object":
      return Object.fromEntries(
        expression.items.map(([key, value]) => [textOf(valueOf(key), key.range), valueOf(value)]),
      );
    case "for":
      return loopOf(expression, scope);
    default:
      return expression satisfies never;
  }
}

function variableOf(name: string, scope: Scope, range: HclRange): HclValue {
  const value = scope.variable(name);
  if (value === undefined)
    throw hclProblem(range, "Unknown variable", `There is no variable named ${JSON.stringify(name)}.`);
  return value;
}

function elementOf(of: HclValue, key: HclValue, range: HclRange): HclValue {
  if (isList(of)) {
    const at = numberOf(key, range, "The given key does not identify an element");
    const found = of[at];
    if (found === undefined)
      throw hclProblem(
        range,
        "Invalid index",
        "The given key does not identify an element in this collection value: the collection has no such index.",
      );
    return found;
  }
  if (!isObject(of))
    throw hclProblem(range, "Unsupported attribute", "This value does not have any attributes.");
  const name = textOf(key, range);
  const value = Object.hasOwn(of, name) ? of[name] : undefined;
  if (value !== undefined) return value;
  throw hclProblem(
    range,
    "Unsupported attribute",
    `This object does not have an attribute named ${JSON.stringify(name)}.`,
  );
}

function callOf(
  { name, args, isSpread, range }: Extract<Expression, { kind: "call" }>,
  scope: Scope,
): HclValue {
  const call = scope.call(name);
  if (call === undefined)
    throw hclProblem(
      range,
      "Call to unknown function",
      `There is no function named ${JSON.stringify(name)}.`,
    );
  // These two are told of failures instead of values.
  if (name === "try" || name === "can") return tried(name, args, scope, range);
  const values = args.map((one) => evaluate(one, scope));
  const last = values.at(-1);
  if (isSpread && !isList(last ?? null))
    throw hclProblem(
      range,
      "Invalid expanding argument value",
      "The expanding argument (indicated by ...) must be of a tuple, list, or set type.",
    );
  const given = isSpread ? [...values.slice(0, -1), ...(last as readonly HclValue[])] : values;
  try {
    return call(given);
  } catch (error) {
    if (isFault(error)) throw error;
    throw hclProblem(
      range,
      "Error in function call",
      `Call to function ${JSON.stringify(name)} failed: ${messageOf(error)}.`,
    );
  }
}

function tried(name: string, args: readonly Expression[], scope: Scope, range: HclRange): HclValue {
  for (const one of args)
    try {
      const value = evaluate(one, scope);
      return name === "can" ? true : value;
    } catch (error) {
      if (!isFault(error, "invalid")) throw error;
    }
  if (name === "can") return false;
  throw hclProblem(
    range,
    "Error in function call",
    'Call to function "try" failed: no expression succeeded.',
  );
}

function binaryOf(
  { operator, left, right }: Extract<Expression, { kind: "binary" }>,
  scope: Scope,
): HclValue {
  const [a, b] = [evaluate(left, scope), evaluate(right, scope)];
  if (operator === "==") return isSame(a, b);
  if (operator === "!=") return !isSame(a, b);
  const [onLeft, onRight] = ["Unsuitable value for left operand", "Unsuitable value for right operand"];
  if (operator === "&&" || operator === "||") {
    const [first, second] = [
      booleanOf(a, left.range, onLeft, "Invalid operand"),
      booleanOf(b, right.range, onRight, "Invalid operand"),
    ];
    return operator === "&&" ? first && second : first || second;
  }
  const first = numberOf(a, left.range, onLeft, "Invalid operand");
  const second = numberOf(b, right.range, onRight, "Invalid operand");
  if ((operator === "/" || operator === "%") && second === 0)
    throw hclProblem(right.range, "Division by zero", "An attempt was made to divide by zero.");
  return arithmetic(operator, first, second);
}

function arithmetic(operator: string, a: number, b: number): number | boolean {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
    case "<":
      return a < b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    default:
      return a >= b;
  }
}

function loopOf(loop: Extract<Expression, { kind: "for" }>, scope: Scope): HclValue {
  const { names, over, key, value, condition, isGrouped } = loop;
  const list: HclValue[] = [];
  const made = new Map<string, HclValue>();
  for (const [at, item] of entriesOf(evaluate(over, scope), over.range)) {
    const inner = loopScope(scope, names, at, item);
    const isWanted =
      condition === undefined ||
      booleanOf(evaluate(condition, inner), condition.range, "The 'if' clause value is invalid");
    if (!isWanted) continue;
    const one = evaluate(value, inner);
    if (key === undefined) {
      list.push(one);
      continue;
    }
    const name = textOf(evaluate(key, inner), key.range);
    const before = made.get(name);
    if (before !== undefined && !isGrouped)
      throw hclProblem(
        key.range,
        "Duplicate object key",
        `Two different items produced the key ${JSON.stringify(name)} in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.`,
      );
    made.set(name, isGrouped ? [...((before as readonly HclValue[] | undefined) ?? []), one] : one);
  }
  return key === undefined ? list : Object.fromEntries(made);
}

function loopScope(scope: Scope, names: readonly string[], at: HclValue, item: HclValue): Scope {
  const [first = "", second] = names;
  return within(
    scope,
    new Map(
      second === undefined
        ? [[first, item]]
        : [
            [first, at],
            [second, item],
          ],
    ),
  );
}

/** With numbers or names; those of objects in the order of their names. */
function entriesOf(of: HclValue, range: HclRange): readonly (readonly [HclValue, HclValue])[] {
  if (isList(of)) return of.map((item, at) => [at, item]);
  if (isObject(of)) return Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1));
  const detail =
    of === null
      ? "A null value cannot be used as the collection in a 'for' expression."
      : "A value of this type cannot be used as the collection in a 'for' expression.";
  throw hclProblem(range, "Iteration over non-iterable value", detail);
}

/** One value alone keeps its type. */
function evaluateTemplate(parts: readonly TemplatePart[], scope: Scope, range: HclRange): HclValue {
  const [only] = parts;
  if (parts.length === 1 && only?.kind === "value") return evaluate(only.value, scope);
  return filledIn(parts, scope, range);
}

function filledIn(parts: readonly TemplatePart[], scope: Scope, range: HclRange): string {
  return parts.map((part) => shownPart(part, scope, range)).join("");
}

function shownPart(part: TemplatePart, scope: Scope, range: HclRange): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "value":
      return interpolated(evaluate(part.value, scope), part.value.range);
    case "if": {
      const isMet = booleanOf(
        evaluate(part.condition, scope),
        part.condition.range,
        "The condition value is unsuitable",
      );
      return filledIn(isMet ? part.yes : part.no, scope, range);
    }
    case "for":
      return entriesOf(evaluate(part.over, scope), part.over.range)
        .map(([at, item]) => filledIn(part.body, loopScope(scope, part.names, at, item), range))
        .join("");
    default:
      return part satisfies never;
  }
}

function interpolated(value: HclValue, range: HclRange): string {
  const bad = "Invalid template interpolation value";
  if (value === null)
    throw hclProblem(
      range,
      bad,
      "The expression result is null. Cannot include a null value in a string template.",
    );
  if (typeof value === "object")
    throw hclProblem(range, bad, "Cannot include the given value in a string template: string required.");
  return String(value);
}

/** @throws {Fault} `invalid` for what is no text, and cannot be one */
export function textOf(value: HclValue, range: HclRange): string {
  if (value !== null && typeof value !== "object") return String(value);
  throw hclProblem(range, "Unsuitable value type", "Unsuitable value: string required");
}

/** @throws {Fault} `invalid` */
export function booleanOf(
  value: HclValue,
  range: HclRange,
  what: string,
  summary = "Incorrect condition type",
): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw hclProblem(range, summary, `${what}: a bool is required.`);
}

function numberOf(value: HclValue, range: HclRange, what: string, summary = "Invalid operand"): number {
  if (typeof value === "number") return value;
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value);
  throw hclProblem(range, summary, `${what}: a number is required.`);
}

export function isList(value: HclValue): value is readonly HclValue[] {
  return Array.isArray(value);
}

export function isObject(value: HclValue): value is HclObject {
  return typeof value === "object" && value !== null && !isList(value);
}

/** Equal in all that is in them. */
export function isSame(a: HclValue, b: HclValue): boolean {
  if (isList(a) && isList(b))
    return a.length === b.length && a.every((one, at) => isSame(one, b[at] ?? null));
  if (!isObject(a) || !isObject(b)) return a === b;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name] ?? null, b[name] ?? null))
  );
}
