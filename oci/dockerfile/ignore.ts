import { Fault } from "#base/fault.ts";
import { PathPattern } from "./path-pattern.ts";

interface Rule {
  readonly isException: boolean;
  readonly pattern: PathPattern;
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
      for (const { isException, pattern } of rules)
        if (isIgnored === isException && pattern.covers(path)) isIgnored = !isException;
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
  return clean === "" ? undefined : { isException, pattern: new PathPattern(clean) };
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
