import { Fault } from "#base/fault.ts";

/**
 * Splits a command line into words as a shell does: blanks part them, quotes and backslashes keep them together.
 *
 * @throws {Fault} `invalid` for a quote that does not end
 */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at);
    if (letter === "\\" && quote !== "'") {
      const next = line.charAt(++at);
      word = (word ?? "") + next;
    } else if (quote !== "") {
      if (letter === quote) quote = "";
      else word = (word ?? "") + letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + letter;
  }
  if (quote !== "") throw new Fault("invalid", "invalid command line string");
  return word === undefined ? words : [...words, word];
}
