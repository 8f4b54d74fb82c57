import { Fault } from "#base/fault.ts";
import { isSpace } from "./words.ts";

/** What a name stands for; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface Expansion {
  readonly lookup: Lookup;
  /** The Dockerfile's escape character. */
  readonly escape: string;
}

/**
 * Takes quotes and escapes out of a text and puts variables in: `$x`, `${x}`, `${x:-w}`, `${x-w}`, `${x:+w}`, `${x+w}`, `${x:?w}`,
 * `${x?w}`, `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`, `${x/p/r}`, `${x//p/r}`. Within single quotes nothing is special.
 *
 * @throws {Fault} `invalid` for a quote or brace that nothing ends, an unknown modifier, or a variable that `?` asks for
 * @see Dockerfile reference, "Environment replacement"
 */
export function expandWord(text: string, expansion: Expansion): string {
  return new Scanner(text, expansion).all().text;
}

/** The same, split at white space outside of quotes, also at what comes out of a variable. */
export function expandWords(text: string, expansion: Expansion): readonly string[] {
  return new Scanner(text, expansion).all().words;
}

/** The text of a heredoc: variables are put in, quotes stay. */
export function expandHeredoc(text: string, expansion: Expansion): string {
  return new Scanner(text, expansion, "heredoc").all().text;
}

/** A command as it is shown: variables that are set are put in, the others and quotes stay. @throws {Fault} as {@link expandWord} */
export function expandShown(text: string, expansion: Expansion): string {
  return new Scanner(text, expansion, "shown").all().text;
}

/** Variables within values of modifiers lie this deep at most. */
const maxDepth = 50;

class Scanner {
  readonly #text: string;
  readonly #expansion: Expansion;
  readonly #mode: "word" | "heredoc" | "shown";
  readonly #depth: number;
  #at = 0;
  #words: string[] = [];
  #word: string | undefined;
  #out = "";

  constructor(text: string, expansion: Expansion, mode: "word" | "heredoc" | "shown" = "word", depth = 0) {
    if (depth > maxDepth) throw new Fault("invalid", "variables are nested too deeply");
    this.#text = text;
    this.#expansion = expansion;
    this.#mode = mode;
    this.#depth = depth;
  }

  all(): { readonly text: string; readonly words: readonly string[] } {
    while (this.#at < this.#text.length) this.#next();
    if (this.#word !== undefined) this.#words.push(this.#word);
    return { text: this.#out, words: this.#words };
  }

  #next(): void {
    const char = this.#text[this.#at] as string;
    if (char === "$") return this.#addSplit(this.#dollar());
    this.#at += 1;
    if (char === this.#expansion.escape) return this.#escaped(char);
    if (this.#hasQuotes && char === "'") return this.#add(this.#quoted(char, this.#single()));
    if (this.#hasQuotes && char === '"') return this.#add(this.#quoted(char, this.#double()));
    this.#addSplit(char);
  }

  get #hasQuotes(): boolean {
    return this.#mode !== "heredoc";
  }

  #quoted(quote: string, content: string): string {
    return this.#mode === "shown" ? quote + content + quote : content;
  }

  #escaped(escape: string): void {
    const next = this.#text[this.#at];
    if (next === undefined) return this.#add(this.#hasQuotes ? "" : escape);
    this.#at += 1;
    const isSpecial = this.#hasQuotes || next === "$" || next === escape;
    this.#add(isSpecial ? next : escape + next);
  }

  /** Part of the present word, whatever it is. */
  #add(text: string): void {
    this.#out += text;
    this.#word = (this.#word ?? "") + text;
  }

  /** White space ends the present word. */
  #addSplit(text: string): void {
    this.#out += text;
    for (const char of text)
      if (!isSpace(char)) this.#word = (this.#word ?? "") + char;
      else if (this.#word !== undefined) {
        this.#words.push(this.#word);
        this.#word = undefined;
      }
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) throw unended("single-quote", this.#text);
    const content = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return content;
  }

  #double(): string {
    let content = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) throw unended("double-quote", this.#text);
      if (char === "$") {
        content += this.#dollar();
        continue;
      }
      this.#at += 1;
      if (char === '"') return content;
      if (char !== this.#expansion.escape) {
        content += char;
        continue;
      }
      const next = this.#text[this.#at];
      if (next === undefined) throw unended("double-quote", this.#text);
      const isSpecial = next === '"' || next === "$" || next === this.#expansion.escape;
      content += isSpecial ? next : char + next;
      this.#at += 1;
    }
  }

  #dollar(): string {
    const start = this.#at++;
    if (this.#text[this.#at] === "{") {
      this.#at += 1;
      const name = this.#name();
      const value = this.#braced(name);
      return this.#isLeft(name) ? this.#text.slice(start, this.#at) : value;
    }
    const name = this.#name();
    if (name === "") return "$";
    return this.#expansion.lookup(name) ?? (this.#isLeft(name) ? `$${name}` : "");
  }

  #isLeft(name: string): boolean {
    return this.#mode === "shown" && this.#expansion.lookup(name) === undefined;
  }

  #name(): string {
    const rest = this.#text.slice(this.#at);
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?!$-](?=\}|$))/.exec(rest)?.[0] ?? "";
    this.#at += name.length;
    return name;
  }

  #braced(name: string): string {
    if (name === "") throw new Fault("invalid", `${this.#text.slice(0, 100)}: bad substitution`);
    const value = this.#expansion.lookup(name);
    const [, operator = ""] = /^(\}|:[-+?]|[-+?]|##?|%%?|\/\/?)/.exec(this.#text.slice(this.#at)) ?? [];
    if (operator === "") throw this.#unsupported();
    this.#at += operator.length;
    switch (operator) {
      case "}":
        return value ?? "";
      case ":-":
      case "-":
      case ":+":
      case "+":
      case ":?":
      case "?":
        return this.#choose(name, value, operator);
      case "/":
      case "//":
        return this.#replace(value ?? "", operator === "//");
      default:
        return trim(value ?? "", this.#until("}"), operator);
    }
  }

  #unsupported(): Fault {
    if (this.#at >= this.#text.length) return new Fault("invalid", "syntax error: missing '}'");
    const modifier = this.#text.slice(this.#at, this.#at + 2);
    return new Fault("invalid", `unsupported modifier (${modifier}) in substitution`);
  }

  #choose(name: string, value: string | undefined, operator: string): string {
    const word = this.#until("}");
    const isGiven = operator.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (operator.endsWith("-")) return isGiven ? (value ?? "") : word;
    if (operator.endsWith("+")) return isGiven ? word : "";
    if (isGiven) return value ?? "";
    const reason = word === "" ? "is not allowed to be unset" : word;
    throw new Fault(
      "invalid",
      `failed to process ${JSON.stringify(this.#text.slice(0, 200))}: ${name}: ${reason}`,
    );
  }

  #replace(value: string, isEvery: boolean): string {
    const pattern = this.#until("/}");
    const hasReplacement = this.#text[this.#at - 1] === "/";
    const replacement = hasReplacement ? this.#until("}") : "";
    return replaceGlob(value, pattern, replacement, isEvery);
  }

  /** The text up to one of the ends, which is taken too; variables and quotes in it are expanded. */
  #until(ends: string): string {
    const { escape } = this.#expansion;
    let inner = "";
    let depth = 0;
    let quote = "";
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined) throw new Fault("invalid", "syntax error: missing '}'");
      if (char === escape && quote !== "'") {
        const next = this.#text[this.#at++] ?? "";
        inner += ends.includes(next) && next !== "" && next !== '"' ? next : char + next;
        continue;
      }
      if (quote === "" && depth === 0 && ends.includes(char)) break;
      if (this.#hasQuotes && quote === "" && (char === "'" || char === '"')) quote = char;
      else if (char === quote) quote = "";
      if (char === "$" && this.#text[this.#at] === "{") depth += 1;
      if (char === "}") depth -= 1;
      inner += char;
    }
    return new Scanner(inner, this.#expansion, this.#mode, this.#depth + 1).all().text;
  }
}

function unended(what: string, text: string): Fault {
  return new Fault(
    "invalid",
    `failed to process ${JSON.stringify(text.slice(0, 200))}: unexpected end of statement while looking for matching ${what}`,
  );
}

/** Whether `*` and `?` of the pattern match the whole text: at most pattern × text steps. */
function matches(pattern: string, text: string): boolean {
  let [at, token, star, starAt] = [0, 0, -1, 0];
  while (at < text.length) {
    const isEscaped = pattern[token] === "\\" && token + 1 < pattern.length;
    const wanted = pattern[isEscaped ? token + 1 : token];
    if (!isEscaped && wanted === "*") {
      star = token++;
      starAt = at;
    } else if ((!isEscaped && wanted === "?") || wanted === text[at]) {
      token += isEscaped ? 2 : 1;
      at += 1;
    } else if (star >= 0) {
      starAt += 1;
      at = starAt;
      token = star + 1;
    } else return false;
  }
  while (pattern[token] === "*") token += 1;
  return token >= pattern.length;
}

/** Longer values are not searched with wildcards, which takes a square or a cube of their length. */
const maxTrimmed = 8192;
const maxReplaced = 512;

function checkLength(value: string, pattern: string, most: number): void {
  if (value.length > most && pattern.includes("*"))
    throw new Fault("invalid", `a variable of more than ${most} characters cannot be searched for a pattern`);
}

/** Without the shortest (`#`, `%`) or longest (`##`, `%%`) start or end that the pattern matches. */
function trim(value: string, pattern: string, operator: string): string {
  checkLength(value, pattern, maxTrimmed);
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  if (operator.length === 2) lengths.reverse();
  const isStart = operator.startsWith("#");
  const part = (length: number) => (isStart ? value.slice(0, length) : value.slice(value.length - length));
  const length = lengths.find((candidate) => matches(pattern, part(candidate)));
  if (length === undefined) return value;
  return isStart ? value.slice(length) : value.slice(0, value.length - length);
}

/** The leftmost match that is not empty, and of those the longest, once or again and again. */
function replaceGlob(value: string, pattern: string, replacement: string, isEvery: boolean): string {
  checkLength(value, pattern, maxReplaced);
  let out = "";
  for (let at = 0; at < value.length; ) {
    const length = longestMatch(value, at, pattern);
    if (length === 0) {
      out += value[at++];
      continue;
    }
    out += replacement;
    at += length;
    if (!isEvery) return out + value.slice(at);
  }
  return out;
}

function longestMatch(value: string, at: number, pattern: string): number {
  const hasStar = /(^|[^\\])\*/.test(pattern);
  const longest = hasStar ? value.length - at : Math.min(pattern.length, value.length - at);
  for (let length = longest; length > 0; length--)
    if (matches(pattern, value.slice(at, at + length))) return length;
  return 0;
}
