import { Fault } from "#base/fault.ts";

/** A class of characters in a pattern, `[a-z]` or `[^a-z]`. */
export interface PatternClass {
  readonly accepts: (char: string) => boolean;
  /** Where its closing bracket is. */
  readonly end: number;
}

/**
 * Reads the class that begins with the bracket at `start`; a backslash makes the next character plain.
 *
 * @throws {Fault} `invalid` "syntax error in pattern"
 * @see Go's path.Match
 */
export function patternClass(pattern: ArrayLike<string>, start: number): PatternClass {
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
  return { accepts: (char) => isIn(char) !== isNegated, end: at };
}

export function badPattern(): Fault {
  return new Fault("invalid", "syntax error in pattern");
}
