import type { Cursor } from "./cursor.ts";
import { type Grammar, parseHeredoc, parsePlain, parseQuoted } from "./parse-template.ts";
import type { Expression, HclSource } from "./syntax.ts";

export const identifier = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const number = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const invalid = "Invalid expression";

/** The operators of each level, those that bind the least first. */
const levels = [["||"], ["&&"], ["==", "!="], ["<=", ">=", "<", ">"], ["+", "-"], ["*", "/", "%"]];

/** @throws {Fault} `invalid` with the place in the file. @see hclsyntax/spec.md, "Expressions" */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.deeper(() => parseConditional(cursor));
}

/** A text of JSON, whose escapes are taken already. @throws {Fault} `invalid` */
export function parsePlainTemplate(source: HclSource): Expression {
  return parsePlain(source, grammar);
}

function parseConditional(cursor: Cursor): Expression {
  cursor.skip();
  const start = cursor.at;
  const condition = parseBinary(cursor, 0);
  if (!cursor.takeSign("?")) return condition;
  const yes = parseExpression(cursor);
  cursor.expect(
    ":",
    "Missing false expression in conditional",
    "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
  );
  const no = parseExpression(cursor);
  return { kind: "conditional", condition, yes, no, range: cursor.range(start, no.range.end) };
}

function parseBinary(cursor: Cursor, level: number): Expression {
  const operators = levels[level];
  if (operators === undefined) return parseUnary(cursor);
  cursor.skip();
  const start = cursor.at;
  let left = parseBinary(cursor, level + 1);
  for (;;) {
    const operator = operators.find((sign) => cursor.takeSign(sign));
    if (operator === undefined) return left;
    const right = parseBinary(cursor, level + 1);
    left = { kind: "binary", operator, left, right, range: cursor.range(start, right.range.end) };
  }
}

function parseUnary(cursor: Cursor): Expression {
  cursor.skip();
  const start = cursor.at;
  for (const operator of ["-", "!"])
    if (cursor.takeSign(operator)) {
      const operand = parseUnary(cursor);
      return { kind: "unary", operator, operand, range: cursor.range(start, operand.range.end) };
    }
  return parseTraversal(cursor, parsePrimary(cursor), start);
}

/** `.name`, `.0`, `[key]`, `.*` and `[*]` behind a value. */
function parseTraversal(cursor: Cursor, first: Expression, start: number): Expression {
  let value = first;
  for (;;) {
    const splat = cursor.take(/\.\*|\[\*\]/y);
    if (splat !== undefined) {
      const item: Expression = { kind: "item", range: cursor.range(start) };
      const each =
        splat === "[*]" ? parseTraversal(cursor, item, start) : parseAttributes(cursor, item, start);
      value = { kind: "splat", of: value, each, range: cursor.range(start) };
    } else if (cursor.look(/\.[\d\p{ID_Start}_]/uy) !== null) value = parseAttribute(cursor, value, start);
    else if (cursor.take(/\[/y) !== undefined) {
      const key = cursor.inside(() => {
        const inner = parseExpression(cursor);
        cursor.expect(
          "]",
          "Missing close bracket on index",
          "The index operator must end with a closing bracket.",
        );
        return inner;
      });
      value = { kind: "index", of: value, key, range: cursor.range(start) };
    } else return value;
  }
}

/** What `.*` is for: an index behind it is one of all. */
function parseAttributes(cursor: Cursor, first: Expression, start: number): Expression {
  let value = first;
  while (cursor.look(/\.[\p{ID_Start}_]/uy) !== null) value = parseAttribute(cursor, value, start);
  return value;
}

function parseAttribute(cursor: Cursor, of: Expression, start: number): Expression {
  cursor.at += 1;
  const name = cursor.take(identifier);
  if (name !== undefined) return { kind: "attribute", of, name, range: cursor.range(start) };
  const at = cursor.at;
  const key: Expression = {
    kind: "literal",
    value: Number(cursor.take(/\d+/y)),
    range: cursor.range(at),
  };
  return { kind: "index", of, key, range: cursor.range(start) };
}

function parsePrimary(cursor: Cursor): Expression {
  const start = cursor.at;
  const digits = cursor.take(number);
  if (digits !== undefined) return { kind: "literal", value: Number(digits), range: cursor.range(start) };
  if (cursor.look(/"/y) !== null) return parseQuoted(cursor, grammar);
  if (cursor.look(/<</y) !== null) return parseHeredoc(cursor, grammar);
  if (cursor.take(/\(/y) !== undefined)
    return cursor.inside(() => {
      const inner = parseExpression(cursor);
      cursor.expect(
        ")",
        "Unbalanced parentheses",
        "Expected a closing parenthesis to terminate the expression.",
      );
      return inner;
    });
  if (cursor.take(/\[/y) !== undefined) return cursor.inside(() => parseList(cursor, start));
  if (cursor.take(/\{/y) !== undefined) return cursor.outside(() => parseObject(cursor, start));
  const name = cursor.take(identifier);
  if (name === undefined)
    cursor.fail(invalid, "Expected the start of an expression, but found an invalid expression token.");
  if (cursor.look(/\(/y) !== null) return parseCall(cursor, name, start);
  const constant = new Map<string, boolean | null>([
    ["true", true],
    ["false", false],
    ["null", null],
  ]).get(name);
  if (constant !== undefined) return { kind: "literal", value: constant, range: cursor.range(start) };
  return { kind: "variable", name, range: cursor.range(start) };
}

function parseCall(cursor: Cursor, name: string, start: number): Expression {
  const nameRange = cursor.range(start);
  cursor.at += 1;
  return cursor.inside(() => {
    const args: Expression[] = [];
    let isSpread = false;
    while (!cursor.takeSign(")")) {
      if (args.length > 0 && (isSpread || !cursor.takeSign(",")))
        cursor.fail(
          "Missing argument separator",
          "A comma is required to separate each function argument from the next.",
        );
      if (cursor.takeSign(")")) break;
      args.push(parseExpression(cursor));
      isSpread = cursor.takeSign("...");
    }
    return { kind: "call", name, args, isSpread, range: nameRange };
  });
}

function parseList(cursor: Cursor, start: number): Expression {
  if (isFor(cursor)) return parseFor(cursor, start, "]");
  const items: Expression[] = [];
  while (!cursor.takeSign("]")) {
    if (items.length > 0 && !cursor.takeSign(","))
      cursor.fail("Missing item separator", "Expected a comma to mark the beginning of the next item.");
    if (cursor.takeSign("]")) break;
    items.push(parseExpression(cursor));
  }
  return { kind: "list", items, range: cursor.range(start, start + 1) };
}

/** Items are set apart by commas or by line ends. */
function parseObject(cursor: Cursor, start: number): Expression {
  cursor.skipLines();
  if (isFor(cursor)) return cursor.inside(() => parseFor(cursor, start, "}"));
  const items: (readonly [Expression, Expression])[] = [];
  for (;;) {
    cursor.skipLines();
    if (cursor.take(/\}/y) !== undefined) break;
    const key = parseKey(cursor);
    cursor.skip();
    if (cursor.take(/=(?!=)|:/y) === undefined)
      cursor.fail(
        "Missing attribute value",
        'Expected an attribute value, introduced by an equals sign ("=").',
      );
    items.push([key, parseExpression(cursor)]);
    cursor.skip();
    if (cursor.take(/,|\r?\n/y) === undefined && cursor.look(/\}/y) === null)
      cursor.fail(
        "Missing attribute separator",
        "Expected a newline or comma to mark the beginning of the next attribute.",
      );
  }
  return { kind: "object", items, range: cursor.range(start, start + 1) };
}

/** A plain name stands for itself. */
function parseKey(cursor: Cursor): Expression {
  const start = cursor.at;
  const name = cursor.look(identifier)?.[0];
  if (name !== undefined && cursor.source.text.slice(start + name.length).search(/\s*(=(?!=)|:)/y) === 0) {
    cursor.at += name.length;
    return { kind: "literal", value: name, range: cursor.range(start) };
  }
  return parseExpression(cursor);
}

function isFor(cursor: Cursor): boolean {
  cursor.skip();
  return cursor.look(/for\s/y) !== null;
}

function parseFor(cursor: Cursor, start: number, close: "]" | "}"): Expression {
  const bad = "Invalid 'for' expression";
  cursor.at += "for".length;
  const names = parseNames(cursor);
  const over = parseExpression(cursor);
  cursor.expect(":", bad, "For expression requires a colon after the collection expression.");
  const first = parseExpression(cursor);
  const hasKey = cursor.takeSign("=>");
  if (hasKey !== (close === "}"))
    cursor.fail(
      bad,
      hasKey
        ? "Key expression is not valid when building a tuple."
        : "Key expression is required when building an object.",
    );
  const value = hasKey ? parseExpression(cursor) : first;
  const isGrouped = cursor.takeSign("...");
  cursor.skip();
  const condition = cursor.take(/if(?=\s|\()/y) === undefined ? undefined : parseExpression(cursor);
  cursor.expect(close, bad, "Extra characters after the end of the 'for' expression.");
  return {
    kind: "for",
    names,
    over,
    ...(hasKey && { key: first }),
    value,
    ...(condition !== undefined && { condition }),
    isGrouped,
    range: cursor.range(start, start + 1),
  };
}

/** `value in`, or `key, value in`. @throws {Fault} `invalid` */
function parseNames(cursor: Cursor): readonly string[] {
  const bad = "Invalid 'for' expression";
  const names: string[] = [];
  do {
    cursor.skip();
    const name = cursor.take(identifier);
    if (name === undefined) cursor.fail(bad, "For expression requires variable name after 'for'.");
    names.push(name);
  } while (names.length < 2 && cursor.takeSign(","));
  cursor.skip();
  if (cursor.take(/in(?=\s|\[|\{|\()/y) === undefined)
    cursor.fail(bad, "For expression requires the 'in' keyword after its name declarations.");
  return names;
}

const grammar: Grammar = { expression: parseExpression, names: parseNames };
