/**
 * Splits a line at white space outside of quotes. Quotes and escapes stay in the words: {@link expandWord} takes them out.
 *
 * @see Dockerfile reference, ENV and LABEL
 */
export function splitWords(line: string, escape: string): readonly string[] {
  const words: string[] = [];
  let word = "";
  let isIn = false;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at] as string;
    if (quote === "" && isSpace(char)) {
      if (isIn) words.push(word);
      word = "";
      isIn = false;
      continue;
    }
    isIn = true;
    word += char;
    if (char === escape && quote !== "'") {
      at += 1;
      word += line[at] ?? "";
    } else if (quote === "" && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = "";
  }
  if (isIn) words.push(word);
  return words;
}

export function isSpace(char: string): boolean {
  return char === " " || char === "\t" || char === "\n" || char === "\r" || char === "\v" || char === "\f";
}

/** A list of strings in JSON, as the exec form has it; undefined for anything else. */
export function stringList(text: string): readonly string[] | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith("[")) return undefined;
  try {
    const list: unknown = JSON.parse(trimmed);
    return Array.isArray(list) && list.every((item) => typeof item === "string") ? list : undefined;
  } catch {
    return undefined;
  }
}
