import { Fault } from "#base/fault.ts";
import { Cursor } from "./cursor.ts";
import { identifier, parseExpression, parsePlainTemplate } from "./parse-expression.ts";
import type { Expression, HclAttribute, HclBlock, HclBody, HclRange, HclSource, HclValue } from "./syntax.ts";

/** @throws {Fault} `invalid` with the place in the file. @see hclsyntax/spec.md, "Structural Elements" */
export function parseHcl(source: HclSource): HclBody {
  const cursor = new Cursor(source, source.text.startsWith("\uFEFF") ? 1 : 0);
  const body = parseBody(cursor, "file");
  if (!cursor.isAtEnd)
    cursor.fail("Argument or block definition required", "An argument or block definition is required here.");
  return body;
}

/** A block in one line has one argument at most. */
type Form = "file" | "lines" | "line";

function parseBody(cursor: Cursor, form: Form): HclBody {
  const attributes = new Map<string, HclAttribute>();
  const blocks: HclBlock[] = [];
  for (;;) {
    if (form !== "line") cursor.skipLines();
    else cursor.skip();
    const start = cursor.at;
    const name = cursor.take(identifier);
    if (name === undefined) return { attributes, blocks };
    cursor.skip();
    if (cursor.take(/=(?!=)/y) === undefined) blocks.push(parseBlock(cursor, name, start));
    else {
      if (attributes.has(name))
        cursor.fail(
          "Attribute redefined",
          `The argument "${name}" was already set. Each argument may be set only once.`,
          start,
          start + name.length,
        );
      attributes.set(name, { value: parseExpression(cursor), range: cursor.range(start) });
    }
    if (form === "line") return checkOnlyOne(cursor, { attributes, blocks });
    cursor.skip();
    if (!cursor.isAtEnd && cursor.look(/\r?\n/y) === null)
      cursor.fail("Missing newline after argument", "An argument definition must end with a newline.");
  }
}

function checkOnlyOne(cursor: Cursor, body: HclBody): HclBody {
  cursor.skip();
  const next = cursor.look(identifier)?.[0] ?? cursor.look(/,/y)?.[0];
  if (next === undefined) return body;
  return cursor.fail(
    "Invalid single-argument block definition",
    "A single-line block definition must end with a closing brace immediately after its single argument definition.",
    cursor.at,
    cursor.at + next.length,
  );
}

function parseBlock(cursor: Cursor, type: string, start: number): HclBlock {
  const labels: string[] = [];
  for (;;) {
    cursor.skip();
    const name = cursor.take(identifier) ?? quotedLabel(cursor);
    if (name === undefined) break;
    labels.push(name);
  }
  const range = cursor.range(start);
  if (cursor.take(/\{/y) === undefined)
    cursor.fail(
      "Invalid block definition",
      'Either a quoted string block label or an opening brace ("{") is expected here.',
    );
  const isLine = cursor.look(/[ \t]*[^\s#/]/y) !== null;
  const body = parseBody(cursor, isLine ? "line" : "lines");
  cursor.skip();
  if (!isLine) cursor.skipLines();
  if (cursor.take(/\}/y) === undefined)
    cursor.fail("Argument or block definition required", "An argument or block definition is required here.");
  return { type, labels, body, range };
}

function quotedLabel(cursor: Cursor): string | undefined {
  const start = cursor.at;
  const found = cursor.take(/"(?:[^"\\\n]|\\.)*"/y);
  if (found === undefined) return undefined;
  try {
    return JSON.parse(found) as string;
  } catch {
    return cursor.fail("Invalid block label", "This is no text in quotes.", start, cursor.at);
  }
}

/** Bake's files in JSON: the same blocks, and templates in texts. @throws {Fault} `invalid` */
export function parseHclJson(source: HclSource): HclBody {
  let content: unknown;
  try {
    content = JSON.parse(source.text);
  } catch (error) {
    throw new Fault("invalid", `failed to parse ${source.name}: ${(error as Error).message}`);
  }
  const range: HclRange = { source, start: 0, end: 0 };
  if (!isObject(content)) throw new Fault("invalid", `failed to parse ${source.name}: it is no object`);
  const attributes = new Map<string, HclAttribute>();
  const blocks: HclBlock[] = [];
  for (const [type, value] of Object.entries(content)) {
    if (!blockTypes.has(type)) attributes.set(type, { value: jsonExpression(value, range), range });
    else if (isObject(value))
      for (const [label, body] of Object.entries(value))
        blocks.push({
          type,
          labels: [label],
          body: jsonBody(type, isObject(body) ? body : {}, range),
          range,
        });
  }
  return { attributes, blocks };
}

const blockTypes: ReadonlySet<string> = new Set(["variable", "group", "target", "function"]);

/** Names of parameters are names, not templates. */
const plainNames: ReadonlySet<string> = new Set(["params", "variadic_params", "type"]);

function jsonBody(type: string, content: object, range: HclRange): HclBody {
  const blocks: HclBlock[] = [];
  const attributes = new Map<string, HclAttribute>();
  for (const [name, value] of Object.entries(content)) {
    if (type === "variable" && name === "validation")
      for (const one of [value].flat())
        blocks.push({ type: name, labels: [], body: jsonBody(name, one as object, range), range });
    else {
      const isPlain = plainNames.has(name) && type !== "target";
      const expression: Expression = isPlain
        ? { kind: "literal", value: value as HclValue, range }
        : jsonExpression(value, range);
      attributes.set(name, { value: expression, range });
    }
  }
  return { attributes, blocks };
}

function jsonExpression(value: unknown, range: HclRange): Expression {
  if (typeof value === "string") return parsePlainTemplate({ name: range.source.name, text: value });
  if (Array.isArray(value))
    return { kind: "list", items: value.map((one) => jsonExpression(one, range)), range };
  if (!isObject(value)) return { kind: "literal", value: value as HclValue, range };
  const items = Object.entries(value).map(
    ([key, one]) => [jsonExpression(key, range), jsonExpression(one, range)] as const,
  );
  return { kind: "object", items, range };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
