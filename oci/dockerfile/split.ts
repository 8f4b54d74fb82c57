import { Fault } from "#base/fault.ts";
import { dockerfileFault, type Lines } from "./source.ts";
import { splitWords } from "./words.ts";

/** A text between the instruction's line and its terminator. */
export interface Heredoc {
  readonly name: string;
  /** Ends with a line end unless it is empty. */
  readonly content: string;
  /** Variables are put in, because the name was not quoted. */
  readonly expands: boolean;
  /** Tabs before each line are taken away (`<<-`); {@link Heredoc.content} is without them. */
  readonly chomps: boolean;
  /** Number before `<<`; 0 when there is none. */
  readonly descriptor: number;
}

/** One instruction as it stands in the file, continuation lines joined. */
export interface RawInstruction {
  /** In upper case. */
  readonly keyword: string;
  /** The keyword as written. */
  readonly word: string;
  /** Comments in the lines right above, without the marks; an empty one ends them, as an empty line does. */
  readonly comments: readonly string[];
  /** Line at whose end an instruction is that has an empty line in it. */
  readonly emptyBefore?: number;
  /** The joined line, as progress output shows it. */
  readonly text: string;
  /** What follows the keyword, without outer white space. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
  readonly lines: Lines;
}

export interface Directives {
  readonly syntax?: string;
  readonly escape: "\\" | "`";
  readonly check?: string;
}

export interface SplitDockerfile {
  readonly directives: Directives;
  readonly instructions: readonly RawInstruction[];
  readonly text: string;
}

const heredocKeywords = new Set(["RUN", "COPY", "ADD"]);

/**
 * Splits a Dockerfile into instructions: parser directives, comments, continuation lines and heredocs.
 *
 * @throws {Fault} `invalid` with the line
 * @see Dockerfile reference, "Format", "Parser directives" and "Here-Documents"
 */
export function splitDockerfile(source: string): SplitDockerfile {
  const text = source.replace(/^\uFEFF/, "");
  const written = text.split("\n");
  if (written.at(-1) === "") written.pop();
  const lines = written.map((line) => line.replace(/\r$/, ""));
  const { directives, next } = readDirectives(lines, text);
  const instructions: RawInstruction[] = [];
  let comments: readonly string[] = [];
  for (let at = next; at < lines.length; ) {
    if (isBlank(lines[at]) || isComment(lines[at])) {
      const comment = isComment(lines[at]) ? commentOf(lines[at] ?? "") : "";
      comments = comment === "" ? [] : [...comments, comment];
      at += 1;
      continue;
    }
    const { line, end, hasEmpty } = joinLines(lines, at, directives.escape);
    const [, keyword = "", rest = ""] = /^(\S+)\s*([^]*)$/.exec(line.trim()) ?? [];
    const heredocs = readHeredocs(written, at, end, keyword, rest, directives.escape, text);
    instructions.push({
      keyword: keyword.toUpperCase(),
      word: keyword,
      comments,
      ...(hasEmpty && { emptyBefore: end }),
      text: line.trim(),
      rest: rest.trim(),
      heredocs: heredocs.found,
      lines: { first: at + 1, last: heredocs.end },
    });
    at = heredocs.end;
    comments = [];
  }
  return { directives, instructions, text };
}

function readDirectives(lines: readonly string[], text: string) {
  const found = new Map<string, string>();
  let at = 0;
  // A first line for the kernel is no directive, and no end of them either.
  if (lines[0]?.startsWith("#!")) at = 1;
  for (; at < lines.length; at++) {
    const [, name = "", value = ""] =
      /^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(lines[at] ?? "") ?? [];
    const key = name.toLowerCase();
    if (key !== "syntax" && key !== "escape" && key !== "check") break;
    const where = { first: at + 1, last: at + 1 };
    if (found.has(key)) throw dockerfileFault(`only one ${key} parser directive can be used`, where, text);
    if (key === "escape" && value !== "\\" && value !== "`")
      throw dockerfileFault(`invalid escape token '${value}' does not match \` or \\`, where, text);
    found.set(key, value);
  }
  const [syntax, check] = [found.get("syntax"), found.get("check")?.split(/\s/, 1)[0]];
  const directives: Directives = {
    escape: found.get("escape") === "`" ? "`" : "\\",
    ...(syntax !== undefined && { syntax }),
    ...(check !== undefined && { check }),
  };
  return { directives, next: at };
}

function isBlank(line: string | undefined): boolean {
  return line === undefined || line.trim() === "";
}

function isComment(line: string | undefined): boolean {
  return line?.trimStart().startsWith("#") ?? false;
}

function commentOf(line: string): string {
  return line.trim().slice(1).trim();
}

/** `end` is the index of the first line behind the instruction. Comments and empty lines within are left out. */
function joinLines(lines: readonly string[], start: number, escape: string) {
  const first = lines[start] ?? "";
  let { line, goesOn } = continuation(first, escape);
  let end = start + 1;
  let hasEmpty = false;
  while (goesOn && end < lines.length) {
    const next = lines[end++] ?? "";
    hasEmpty ||= isBlank(next);
    if (isBlank(next) || isComment(next)) continue;
    const more = continuation(next, escape);
    line += more.line;
    goesOn = more.goesOn;
  }
  return { line, end, hasEmpty };
}

/** An escape at the end that is not escaped itself. */
function continuation(line: string, escape: string): { line: string; goesOn: boolean } {
  const trimmed = line.replace(/[ \t]+$/, "");
  const goesOn = trimmed.endsWith(escape) && !trimmed.endsWith(escape + escape);
  return goesOn ? { line: trimmed.slice(0, -1), goesOn } : { line, goesOn };
}

function readHeredocs(
  lines: readonly string[],
  start: number,
  next: number,
  keyword: string,
  rest: string,
  escape: string,
  text: string,
): { readonly found: readonly Heredoc[]; readonly end: number } {
  const found: Heredoc[] = [];
  let end = next;
  // A trigger is written down as it stands, and read again when it runs.
  const keepsTabs = keyword.toUpperCase() === "ONBUILD";
  for (const opening of heredocsOf(keyword, rest, escape)) {
    const content: string[] = [];
    for (;;) {
      const line = lines[end++];
      if (line === undefined)
        throw dockerfileFault("unterminated heredoc", { first: start + 1, last: start + 1 }, text);
      const bare = opening.chomps ? line.replace(/^\t+/, "") : line;
      if (bare.replace(/\r$/, "") === opening.name) break;
      content.push(`${keepsTabs ? line : bare}\n`);
    }
    found.push({ ...opening, content: content.join("") });
  }
  return { found, end };
}

/** The heredocs that a line announces, in order. */
function heredocsOf(keyword: string, rest: string, escape: string): readonly Omit<Heredoc, "content">[] {
  const name = keyword.toUpperCase();
  if (name === "ONBUILD") {
    const [, inner = "", more = ""] = /^(\S+)\s*([^]*)$/.exec(rest) ?? [];
    return inner === "" ? [] : heredocsOf(inner, more, escape);
  }
  if (!heredocKeywords.has(name) || !rest.includes("<<")) return [];
  if (rest.trimStart().startsWith("[")) return [];
  return splitWords(rest, escape).flatMap((word) => heredocOf(word) ?? []);
}

/** `<<EOF`, `<<-'EOF'`, `3<<"EOF"`; undefined for any other word. */
export function heredocOf(word: string): Omit<Heredoc, "content"> | undefined {
  const [, descriptor = "", dash = "", quoted] = /^(\d*)<<(-?)([^<]+)$/.exec(word) ?? [];
  if (quoted === undefined) return undefined;
  const name = quoted.replace(/^(["'])(.*)\1$/, "$2").replaceAll("\\", "");
  if (name === "" || /["'\s]/.test(name)) return undefined;
  return { name, expands: name === quoted, chomps: dash !== "", descriptor: Number(descriptor) };
}

/** @throws {Fault} `invalid` "file with no instructions" */
export function refuseEmpty({ instructions }: SplitDockerfile, name: string): void {
  if (instructions.length === 0)
    throw new Fault("invalid", `failed to parse ${name}: file with no instructions`);
}
