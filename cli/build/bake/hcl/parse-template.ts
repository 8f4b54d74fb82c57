import { Cursor } from "./cursor.ts";
import type { Expression, HclSource, TemplatePart } from "./syntax.ts";

/** What stands in the braces of a template. */
export interface Grammar {
  expression(cursor: Cursor): Expression;
  /** Of a loop, with the word behind them. */
  names(cursor: Cursor): readonly string[];
}

/** How a template ends: at a quote, or where the cursor does. */
type Form = "quoted" | "plain";
const stops = ["else", "endif", "endfor"] as const;

/** A text in quotes. @throws {Fault} `invalid`. @see hclsyntax/spec.md, "Template Expressions" */
export function parseQuoted(cursor: Cursor, grammar: Grammar): Expression {
  const start = cursor.at;
  cursor.at += 1;
  const { parts } = cursor.outside(() => parseParts(cursor, grammar, "quoted", []));
  if (cursor.take(/"/y) === undefined)
    cursor.fail(
      "Unterminated template string",
      "No closing marker was found for the string.",
      start,
      cursor.at,
    );
  return template(parts, cursor, start);
}

/** A text from marker to marker, each in a line. @throws {Fault} `invalid` */
export function parseHeredoc(cursor: Cursor, grammar: Grammar): Expression {
  const start = cursor.at;
  const [whole = "", flush, marker = ""] =
    cursor.look(/<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy) ?? [];
  if (whole === "") cursor.fail("Invalid expression", "A heredoc needs a marker, and a line of its own.");
  const body = start + whole.length;
  const last = new RegExp(`^[ \\t]*${marker}(?=\\r?$)`, "mu");
  const found = last.exec(cursor.source.text.slice(body, cursor.end));
  if (found === null)
    cursor.fail(
      "Unterminated template string",
      "No closing marker was found for the string.",
      start,
      start + 2,
    );
  const inner = new Cursor(cursor.source, body, body + found.index);
  const { parts } = parseParts(inner, grammar, "plain", []);
  cursor.at = body + found.index + found[0].length;
  return template(flush === "-" ? flushed(parts) : parts, cursor, start);
}

/** A text of JSON, whose escapes are taken already. @throws {Fault} `invalid` */
export function parsePlain(source: HclSource, grammar: Grammar): Expression {
  const cursor = new Cursor(source);
  const { parts } = parseParts(cursor, grammar, "plain", []);
  return template(parts, cursor, 0);
}

function template(parts: readonly TemplatePart[], cursor: Cursor, start: number): Expression {
  const range = cursor.range(start);
  const [only] = parts;
  if (only === undefined) return { kind: "literal", value: "", range };
  if (parts.length === 1 && only.kind === "text") return { kind: "literal", value: only.text, range };
  return { kind: "template", parts, range };
}

interface Parsed {
  readonly parts: readonly TemplatePart[];
  /** The word of the directive that ended them. */
  readonly stop?: string;
}

function parseParts(cursor: Cursor, grammar: Grammar, form: Form, until: readonly string[]): Parsed {
  const parts: TemplatePart[] = [];
  let isTrimmed = until.length > 0 && isTrimming(cursor);
  const add = (text: string) => {
    const shown = isTrimmed ? text.trimStart() : text;
    isTrimmed = isTrimmed && shown === "";
    const before = parts.at(-1);
    if (before?.kind === "text") parts[parts.length - 1] = { kind: "text", text: before.text + shown };
    else if (shown !== "") parts.push({ kind: "text", text: shown });
  };
  while (!cursor.isAtEnd && (form === "plain" || cursor.look(/"/y) === null)) {
    const opening = cursor.take(/[$%]\{~?/y);
    if (opening === undefined) {
      add(parseText(cursor, form));
      continue;
    }
    if (opening.endsWith("~")) trimEnd(parts);
    const found = opening.startsWith("$")
      ? parseValue(cursor, grammar)
      : parseDirective(cursor, grammar, form, until);
    if (typeof found === "string") return { parts, stop: found };
    parts.push(found);
    isTrimmed = isTrimming(cursor);
  }
  if (until.length > 0)
    cursor.fail("Unexpected end of template", `The ${until.join(" or ")} directive is missing.`);
  return { parts };
}

/** Whether what was taken last ends with `~}`. */
function isTrimming({ source, at }: Cursor): boolean {
  return source.text[at - 2] === "~";
}

function trimEnd(parts: TemplatePart[]): void {
  const last = parts.at(-1);
  if (last?.kind === "text") parts[parts.length - 1] = { kind: "text", text: last.text.trimEnd() };
}

function parseText(cursor: Cursor, form: Form): string {
  const doubled = cursor.take(/\$\$\{|%%\{/y);
  if (doubled !== undefined) return doubled.slice(1);
  if (form === "plain") return cursor.take(/[$%]|[^$%]+/y) ?? "";
  if (cursor.look(/\r?\n/y) !== null)
    cursor.fail(
      "Invalid multi-line string",
      'Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \\n escape to represent a newline character or use the "heredoc" multi-line template syntax.',
    );
  return cursor.look(/\\/y) === null ? (cursor.take(/[$%]|[^$%"\\\r\n]+|\r/y) ?? "") : parseEscape(cursor);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

function parseEscape(cursor: Cursor): string {
  const start = cursor.at;
  const [whole = "", short = "", long = ""] =
    cursor.look(/\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y)?.map((one) => one ?? "") ?? [];
  const code = Number.parseInt(whole.slice(2), 16);
  if (whole === "" || (short === "" && code > 0x10ffff))
    cursor.fail(
      "Invalid escape sequence",
      "The symbol after the backslash is not a valid escape sequence selector.",
      start,
      start + 2,
    );
  cursor.at += whole.length;
  return short === ""
    ? String.fromCodePoint(long === "" ? code : Number.parseInt(long, 16))
    : (escapes[short] ?? "");
}

function parseValue(cursor: Cursor, grammar: Grammar): TemplatePart {
  return cursor.inside(() => {
    const value = grammar.expression(cursor);
    cursor.skip();
    if (cursor.take(/~?\}/y) === undefined)
      cursor.fail(
        "Extra characters after interpolation expression",
        "Expected a closing brace to end the interpolation expression, but found extra characters.",
      );
    return { kind: "value", value };
  });
}

/** A word that ends what is around it comes back as it is. */
function parseDirective(
  cursor: Cursor,
  grammar: Grammar,
  form: Form,
  until: readonly string[],
): TemplatePart | string {
  const close = () => {
    cursor.skipLines();
    if (cursor.take(/~?\}/y) === undefined)
      cursor.fail("Invalid template directive", "Expected a closing brace to end the directive.");
  };
  cursor.skipLines();
  const start = cursor.at;
  const word = cursor.take(/[a-z]+/y) ?? "";
  if (until.includes(word)) {
    close();
    return word;
  }
  if (word === "if") {
    const condition = cursor.inside(() => grammar.expression(cursor));
    close();
    const { parts: yes, stop } = parseParts(cursor, grammar, form, ["else", "endif"]);
    const no = stop === "else" ? parseParts(cursor, grammar, form, ["endif"]).parts : [];
    return { kind: "if", condition, yes, no };
  }
  if (word === "for") {
    const [names, over] = cursor.inside(() => [grammar.names(cursor), grammar.expression(cursor)] as const);
    close();
    return { kind: "for", names, over, body: parseParts(cursor, grammar, form, ["endfor"]).parts };
  }
  const isLost = (stops as readonly string[]).includes(word);
  const detail = isLost
    ? `The "${word}" directive is not expected here.`
    : `"${word}" is not a valid template control keyword.`;
  return cursor.fail("Invalid template directive", detail, start, cursor.at);
}

/** Without the space that all lines begin with. */
function flushed(parts: readonly TemplatePart[]): readonly TemplatePart[] {
  let least = Infinity;
  let isLineStart = true;
  for (const part of parts) {
    const text = part.kind === "text" ? part.text : "";
    for (const [at, line] of text.split("\n").entries()) {
      const isStart = at > 0 || isLineStart;
      const isLast = at === text.split("\n").length - 1;
      const indent = /^[ \t]*/.exec(line)?.[0].length ?? 0;
      if (isStart && (line.trim() !== "" || (isLast && part !== parts.at(-1))))
        least = Math.min(least, indent);
    }
    isLineStart = text.endsWith("\n");
  }
  if (least === Infinity) return parts;
  isLineStart = true;
  return parts.map((part) => {
    if (part.kind !== "text") {
      isLineStart = false;
      return part;
    }
    const lines = part.text.split("\n");
    const cut = lines.map((line, at) =>
      at > 0 || isLineStart ? line.slice(Math.min(least, line.length)) : line,
    );
    isLineStart = part.text.endsWith("\n");
    return { kind: "text", text: cut.join("\n") };
  });
}
