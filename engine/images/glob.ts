import { Fault } from "#base/fault.ts";

/**
 * Matches the whole text: `*` is any run without a slash, `?` one character but a slash, `[a-z]` and `[^a-z]` one of a class, a
 * backslash makes the next character plain. Takes at most pattern × text steps, whatever the pattern.
 *
 * @throws {Fault} `invalid` "syntax error in pattern"
 * @see Go's path.Match, which Docker's `reference` filter uses
 */
export function matchGlob(pattern: string, text: string): boolean {
  const tokens = parseGlob(pattern);
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current === "*") {
      star = token++;
      starAt = at;
    } else if (current?.(text[at] as string)) {
      token++;
      at++;
    } else if (star >= 0 && text[starAt] !== "/") {
      // The last star takes one character more. Earlier ones need no second look: a slash stops every star alike.
      at = ++starAt;
      token = star + 1;
    } else return false;
  }
  while (tokens[token] === "*") token++;
  return token === tokens.length;
}

type Token = "*" | ((char: string) => boolean);

function parseGlob(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === "*") tokens.push("*");
    else if (char === "?") tokens.push((candidate) => candidate !== "/");
    else if (char === "[") {
      const parsed = parseClass(pattern, at);
      tokens.push(parsed.token);
      at = parsed.end;
    } else {
      const plain = char === "\\" ? pattern[++at] : char;
      if (plain === undefined) throw badPattern();
      tokens.push((candidate) => candidate === plain);
    }
  }
  return tokens;
}

function parseClass(pattern: string, start: number): { readonly token: Token; readonly end: number } {
  const isNegated = pattern[start + 1] === "^";
  const ranges: (readonly [string, string])[] = [];
  let at = start + (isNegated ? 2 : 1);
  const next = (): string => {
    const char = pattern[at++];
    const plain = char === "\\" ? pattern[at++] : char === "-" || char === "]" ? undefined : char;
    if (plain === undefined) throw badPattern();
    return plain;
  };
  while (pattern[at] !== "]" || ranges.length === 0) {
    const low = next();
    if (pattern[at] !== "-") ranges.push([low, low]);
    else {
      at++;
      ranges.push([low, next()]);
    }
  }
  const isIn = (char: string) => ranges.some(([low, high]) => low <= char && char <= high);
  return { token: (char) => isIn(char) !== isNegated, end: at };
}

function badPattern(): Fault {
  return new Fault("invalid", "syntax error in pattern");
}
