import { Fault } from "#base/fault.ts";

interface Rule {
  readonly isException: boolean;
  readonly test: RegExp;
}

/** Which paths of a context are left out. */
export interface IgnoreRules {
  /** `path` is relative, with slashes, without one at either end. A folder's rules hold for everything below it. */
  ignores(path: string): boolean;
  /** Whether something below an ignored folder may be wanted after all. */
  readonly hasExceptions: boolean;
}

/**
 * Parses `.dockerignore`: `#` comments, `!` exceptions, `*`, `?`, `[…]` within a part, `**` for any number of parts; the last rule
 * that matches wins.
 *
 * @throws {Fault} `invalid` for a lone `!` or a broken pattern
 * @see Dockerfile reference, ".dockerignore file"
 */
export function parseDockerignore(source: string): IgnoreRules {
  const lines = source.replace(/^\uFEFF/, "").split("\n");
  return ignoreRules(lines.filter((line) => !line.startsWith("#")));
}

/** The same for patterns that come as a list, as `--exclude` gives them. */
export function ignoreRules(patterns: readonly string[]): IgnoreRules {
  const rules = patterns.flatMap((pattern) => ruleOf(pattern) ?? []);
  return {
    hasExceptions: rules.some((rule) => rule.isException),
    ignores(path) {
      let isIgnored = false;
      for (const { isException, test } of rules)
        if (isIgnored === isException && test.test(path)) isIgnored = !isException;
      return isIgnored;
    },
  };
}

function ruleOf(line: string): Rule | undefined {
  let pattern = line.trim();
  if (pattern === "") return undefined;
  const isException = pattern.startsWith("!");
  if (isException) {
    pattern = pattern.slice(1).trim();
    if (pattern === "") throw new Fault("invalid", 'illegal exclusion pattern: "!"');
  }
  const clean = cleanPattern(pattern);
  return clean === "" ? undefined : { isException, test: patternRegExp(clean) };
}

/** Without `.`, `..`, doubled and outer slashes; `..` never leads out. */
function cleanPattern(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else parts.pop();
  }
  return parts.join("/");
}

/** Matches the path itself, or one of the folders above it. */
export function patternRegExp(pattern: string): RegExp {
  return new RegExp(`^${globSource(pattern)}(?:/.*)?$`, "su");
}

/** A pattern of Go's filepath.Match with `**` as the source of a regular expression. @throws {Fault} `invalid` */
export function globSource(pattern: string): string {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] as string;
    if (char === "*" && pattern[at + 1] === "*") {
      while (pattern[at + 1] === "*") at += 1;
      if (pattern[at + 1] === "/") {
        at += 1;
        source += "(?:.*/)?";
      } else source += ".*";
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[") {
      const end = classEnd(pattern, at);
      source += classSource(pattern.slice(at + 1, end));
      at = end;
    } else if (char === "\\") {
      at += 1;
      const next = pattern[at];
      if (next === undefined) throw new Fault("invalid", "syntax error in pattern");
      source += literal(next);
    } else source += literal(char);
  }
  return source;
}

function classEnd(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === "^") at += 1;
  for (let first = true; at < pattern.length; at++, first = false) {
    if (pattern[at] === "\\") at += 1;
    else if (pattern[at] === "]" && !first) return at;
  }
  throw new Fault("invalid", "syntax error in pattern");
}

function classSource(content: string): string {
  const isNegated = content.startsWith("^");
  const body = isNegated ? content.slice(1) : content;
  const escaped = body.replace(/\\?(.)/gsu, (_, char: string) =>
    char === "-" ? "-" : `\\u{${char.codePointAt(0)?.toString(16)}}`,
  );
  try {
    const source = `[${isNegated ? "^/" : ""}${escaped}]`;
    new RegExp(source, "u");
    return isNegated ? source : `(?!/)${source}`;
  } catch (cause) {
    throw new Fault("invalid", "syntax error in pattern", { cause });
  }
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}
