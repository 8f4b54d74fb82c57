import { DecodeError } from "./decode-error.ts";

/** Deeper than any honest object, and far from what recursion can take. */
const maxDepth = 1_000;

const [quote, backslash, colon, openBrace, closeBrace, openBracket, closeBracket] = Array.from(
  '"\\:{}[]',
  (c) => c.charCodeAt(0),
);

/**
 * Counts the members of the objects in a JSON text that is known to be well-formed. As many as the parsed value has, unless
 * one stands there twice: much cheaper to know than which.
 *
 * @throws {DecodeError} when it is nested too deep
 */
export function countMembers(text: string): number {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (code === colon) members++;
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) throw new DecodeError("exceeded max depth");
    } else if (code === closeBrace || code === closeBracket) depth--;
  }
  return members;
}

/** Of the quote that ends a string. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === backslash && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
  return backslashes % 2 === 1;
}

/** What {@link countMembers} counts, of the parsed value. */
export function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") keys += countKeys(item);
    return keys;
  }
  for (const key in value) {
    keys++;
    const member: unknown = (value as Readonly<Record<string, unknown>>)[key];
    if (typeof member === "object") keys += countKeys(member);
  }
  return keys;
}

/** The paths of members that stand there more than once, e.g. `spec.replicas`, in the order of the text. */
export function duplicateMembers(text: string): readonly string[] {
  const found: string[] = [];
  const scan = (start: number, path: string): number => {
    if (text[start] === "{") return scanObject(start + 1, path);
    if (text[start] === "[") return scanArray(start + 1, path);
    if (text[start] === '"') return endOfString(text, start) + 1;
    return afterMatch(/[\s,\]}]|$/g, start);
  };
  const afterMatch = (pattern: RegExp, start: number): number => {
    pattern.lastIndex = start;
    return pattern.exec(text)?.index ?? text.length;
  };
  const skipSpace = (start: number) => afterMatch(/[^\s]|$/g, start);
  const scanObject = (start: number, path: string): number => {
    const seen = new Set<string>();
    let at = skipSpace(start);
    while (at < text.length && text[at] !== "}") {
      const end = endOfString(text, at) + 1;
      const key: string = JSON.parse(text.slice(at, end));
      const own = path === "" ? key : `${path}.${key}`;
      if (seen.has(key)) found.push(own);
      seen.add(key);
      at = skipSpace(scan(skipSpace(skipSpace(end) + 1), own));
      if (text[at] === ",") at = skipSpace(at + 1);
    }
    return at + 1;
  };
  const scanArray = (start: number, path: string): number => {
    let at = skipSpace(start);
    for (let item = 0; at < text.length && text[at] !== "]"; item++) {
      at = skipSpace(scan(at, `${path}[${item}]`));
      if (text[at] === ",") at = skipSpace(at + 1);
    }
    return at + 1;
  };
  scan(skipSpace(0), "");
  return found;
}
