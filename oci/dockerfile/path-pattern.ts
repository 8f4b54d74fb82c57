import { badPattern, patternClass } from "../pattern-class.ts";

type Token =
  /** One character. */
  | { readonly kind: "one"; readonly accepts: (char: string) => boolean }
  /** Any run without a slash. */
  | { readonly kind: "star" }
  /** Any run. */
  | { readonly kind: "anything" }
  /** May be left out with the two tokens after it: `**` and a slash. */
  | { readonly kind: "optional" };

/**
 * A pattern for paths: Go's filepath.Match (`*`, `?`, `[a-z]`, `[^a-z]`, a backslash makes the next character plain), and `**` for any
 * number of parts. Takes at most pattern × path steps, whatever the pattern.
 */
export class PathPattern {
  readonly #tokens: readonly Token[];

  /** @throws {Fault} `invalid` "syntax error in pattern" */
  constructor(pattern: string) {
    this.#tokens = tokensOf(Array.from(pattern));
  }

  /** The whole path. */
  matches(path: string): boolean {
    return this.#run(path, false);
  }

  /** The path, or a folder above it. */
  covers(path: string): boolean {
    return this.#run(path, true);
  }

  /** Follows all readings of the pattern at once: a set of places in it. */
  #run(path: string, isCovering: boolean): boolean {
    let places = this.#reach(new Set([0]));
    for (const char of path) {
      if (isCovering && char === "/" && places.has(this.#tokens.length)) return true;
      const next = new Set<number>();
      for (const place of places) {
        const token = this.#tokens[place];
        if (token?.kind === "one" && token.accepts(char)) next.add(place + 1);
        else if (token?.kind === "anything" || (token?.kind === "star" && char !== "/")) next.add(place);
      }
      if (next.size === 0) return false;
      places = this.#reach(next);
    }
    return places.has(this.#tokens.length);
  }

  /** With the places that are reached without a character more. */
  #reach(places: Set<number>): Set<number> {
    for (const place of places) {
      const kind = this.#tokens[place]?.kind;
      if (kind === "star" || kind === "anything" || kind === "optional") places.add(place + 1);
      if (kind === "optional") places.add(place + 3);
    }
    return places;
  }
}

const slash: Token = { kind: "one", accepts: (char) => char === "/" };

function tokensOf(pattern: readonly string[]): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === "*" && pattern[at + 1] === "*") {
      while (pattern[at + 1] === "*") at += 1;
      if (pattern[at + 1] === "/") {
        at += 1;
        tokens.push({ kind: "optional" }, { kind: "anything" }, slash);
      } else tokens.push({ kind: "anything" });
    } else if (char === "*") tokens.push({ kind: "star" });
    else if (char === "?") tokens.push({ kind: "one", accepts: (candidate) => candidate !== "/" });
    else if (char === "[") {
      const { accepts, end } = patternClass(pattern, at);
      tokens.push({ kind: "one", accepts: (candidate) => candidate !== "/" && accepts(candidate) });
      at = end;
    } else {
      const plain = char === "\\" ? pattern[++at] : char;
      if (plain === undefined) throw badPattern();
      tokens.push({ kind: "one", accepts: (candidate) => candidate === plain });
    }
  }
  return tokens;
}
