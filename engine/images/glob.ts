import { badPattern, patternClass } from "#oci/pattern-class.ts";

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
      const { accepts, end } = patternClass(pattern, at);
      tokens.push(accepts);
      at = end;
    } else {
      const plain = char === "\\" ? pattern[++at] : char;
      if (plain === undefined) throw badPattern();
      tokens.push((candidate) => candidate === plain);
    }
  }
  return tokens;
}
