interface Rule {
  readonly pattern: RegExp;
  readonly isException: boolean;
}

/** Decides for paths relative to the context, with slashes, whether they are left out. */
export interface IgnoreList {
  ignores(path: string): boolean;
  /** Whether something below an ignored folder may still be wanted. */
  readonly hasExceptions: boolean;
}

/** Parses `.dockerignore`: patterns as of Go's filepath.Match with `**`, `!` for exceptions, the last one that fits counts. */
export function parseIgnore(text: string): IgnoreList {
  const rules: Rule[] = [];
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const isException = trimmed.startsWith("!");
    const pattern = (isException ? trimmed.slice(1).trim() : trimmed)
      .replace(/^\.?\/+/, "")
      .replace(/\/+$/, "");
    if (pattern !== "" && pattern !== ".") rules.push({ pattern: toRegExp(pattern), isException });
  }
  return {
    ignores: (path) =>
      rules.reduce((ignored, rule) => (rule.pattern.test(path) ? !rule.isException : ignored), false),
    hasExceptions: rules.some(({ isException }) => isException),
  };
}

/** A pattern fits a path and everything below it. */
function toRegExp(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern.charAt(at);
    if (letter === "*" && pattern.charAt(at + 1) === "*") {
      at++;
      if (pattern.charAt(at + 1) === "/") {
        at++;
        source += "(?:.*/)?";
      } else source += ".*";
    } else if (letter === "*") source += "[^/]*";
    else if (letter === "?") source += "[^/]";
    else if (letter === "[") {
      const close = pattern.indexOf("]", at + 1);
      if (close < 0) source += "\\[";
      else {
        source += pattern.slice(at, close + 1);
        at = close;
      }
    } else if (letter === "\\") source += RegExp.escape(pattern.charAt(++at));
    else source += RegExp.escape(letter);
  }
  return new RegExp(`^${source}(?:/.*)?$`, "s");
}
