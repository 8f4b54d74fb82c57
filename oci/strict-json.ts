import { Fault } from "#base/fault.ts";

/** Manifests, indexes and configs that are larger are refused: registries and containerd draw the same line. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

const MAX_DEPTH = 64;

/**
 * Parses JSON that two parsers cannot read differently: UTF-8 without errors, no key twice in one object, no deep nesting,
 * no more than {@link MAX_DOCUMENT_BYTES}. `what` names the document in the error.
 *
 * @throws {Fault} `invalid`
 * @see RFC 8259, section 4: names within an object should be unique
 */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > MAX_DOCUMENT_BYTES)
    throw new Fault(
      "invalid",
      `invalid ${what}: ${bytes.length} bytes, at most ${MAX_DOCUMENT_BYTES} are allowed`,
    );
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    checkDepth(text);
    const value: unknown = JSON.parse(text);
    checkKeys(text);
    return value;
  } catch (error) {
    if (error instanceof Fault) throw new Fault("invalid", `invalid ${what}: ${error.message}`);
    throw new Fault("invalid", `invalid ${what}: not JSON`, { cause: error });
  }
}

/** Before JSON.parse, which recurses. */
function checkDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "{" || char === "[") {
      if (++depth > MAX_DEPTH) throw new Fault("invalid", "nested too deeply");
    } else if (char === "}" || char === "]") depth--;
  }
}

/** After JSON.parse: the text is known to be well-formed, so a string before a colon is a key. */
function checkKeys(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      const keys = open.at(-1);
      if (keys !== undefined && isBeforeColon(text, end + 1)) addKey(keys, text.slice(at, end + 1));
      at = end;
    }
  }
}

function addKey(keys: Set<string>, token: string): void {
  const key = JSON.parse(token) as string;
  if (keys.has(key)) throw new Fault("invalid", `key ${JSON.stringify(key.slice(0, 100))} occurs twice`);
  keys.add(key);
}

/** The index of the closing quote, or the end of a text that lacks it. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at];
    if (char === "\\") at++;
    else if (char === '"') return at;
  }
  return text.length;
}

function isBeforeColon(text: string, start: number): boolean {
  let at = start;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return text[at] === ":";
}
