import { type Part, parseFault, space, splitTemplate, type Token } from "./lex.ts";

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: "template"; readonly name: string; readonly pipe?: Pipe }
  | { readonly kind: "break" | "continue" };

export interface Pipe {
  /** Variables that get the value, or for a range its key and value. */
  readonly names: readonly string[];
  readonly isAssignment: boolean;
  readonly commands: readonly Command[];
}

/** A function or value and its arguments. */
export type Command = readonly Operand[];

export type Operand =
  | { readonly kind: "constant"; readonly value: unknown }
  | { readonly kind: "dot" }
  | { readonly kind: "nil" }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "pipe"; readonly pipe: Pipe }
  | { readonly kind: "chain"; readonly base: Operand; readonly fields: readonly string[] };

export interface Template {
  readonly root: readonly Node[];
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** Parses a template. @throws {Fault} `invalid` with Go's texts */
export function parseTemplate(source: string, knownFunctions: ReadonlySet<string>): Template {
  const parser = new Parser(splitTemplate(source), knownFunctions);
  const root = parser.block(["EOF"]).nodes;
  return { root, named: parser.named };
}

class Parser {
  readonly named = new Map<string, readonly Node[]>();
  readonly #parts: readonly Part[];
  readonly #functions: ReadonlySet<string>;
  #at = 0;

  constructor(parts: readonly Part[], functions: ReadonlySet<string>) {
    this.#parts = parts;
    this.#functions = functions;
  }

  block(ends: readonly string[]): {
    readonly nodes: readonly Node[];
    readonly end: string;
    readonly reader?: TokenReader;
  } {
    const nodes: Node[] = [];
    for (;;) {
      const part = this.#parts[this.#at++];
      if (part === undefined) {
        if (!ends.includes("EOF")) throw parseFault("unexpected EOF");
        return { nodes, end: "EOF" };
      }
      if (part.kind === "text") {
        nodes.push(part);
        continue;
      }
      const reader = new TokenReader(part.tokens, part.line, this.#functions);
      const word = reader.keyword();
      if (word === "end" || word === "else") {
        if (!ends.includes(word)) throw parseFault(`unexpected {{${word}}}`, part.line);
        return { nodes, end: word, reader };
      }
      const node = this.#node(word, reader);
      if (node !== undefined) nodes.push(node);
    }
  }

  #node(word: string | undefined, reader: TokenReader): Node | undefined {
    switch (word) {
      case "if":
      case "with":
      case "range":
        return this.#branch(word, reader);
      case "define":
        this.named.set(reader.name(), this.block(["end"]).nodes);
        return undefined;
      case "block": {
        const name = reader.name();
        const pipe = reader.pipe();
        this.named.set(name, this.block(["end"]).nodes);
        return { kind: "template", name, pipe };
      }
      case "template": {
        const name = reader.name();
        return reader.isDone() ? { kind: "template", name } : { kind: "template", name, pipe: reader.pipe() };
      }
      case "break":
      case "continue":
        return { kind: word };
      default:
        return { kind: "action", pipe: reader.pipe() };
    }
  }

  #branch(kind: "if" | "with" | "range", reader: TokenReader): Node {
    const pipe = reader.pipe();
    const { nodes: body, end, reader: rest } = this.block(["end", "else"]);
    if (end === "end" || rest === undefined) return { kind, pipe, body, otherwise: [] };
    const more = rest.keyword();
    if (more === "if" || more === "with") return { kind, pipe, body, otherwise: [this.#branch(more, rest)] };
    return { kind, pipe, body, otherwise: this.block(["end"]).nodes };
  }
}

const keywords = new Set([
  "if",
  "else",
  "end",
  "range",
  "with",
  "define",
  "template",
  "block",
  "break",
  "continue",
]);

class TokenReader {
  readonly #tokens: readonly Token[];
  readonly #line: number;
  readonly #functions: ReadonlySet<string>;
  #at = 0;

  constructor(tokens: readonly Token[], line: number, functions: ReadonlySet<string>) {
    this.#tokens = tokens;
    this.#line = line;
    this.#functions = functions;
  }

  keyword(): string | undefined {
    this.#skipSpace();
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word" || !keywords.has(token.text)) return undefined;
    this.#at++;
    return token.text;
  }

  name(): string {
    this.#skipSpace();
    const token = this.#tokens[this.#at++];
    if (token?.kind !== "string") throw this.#unexpected(token, "template clause");
    return token.value;
  }

  isDone(): boolean {
    this.#skipSpace();
    return this.#at >= this.#tokens.length;
  }

  pipe(isInner = false): Pipe {
    const { names, isAssignment } = this.#declaration();
    const commands: Command[] = [];
    for (;;) {
      const command = this.#command();
      if (command.length === 0) throw parseFault("missing value for command", this.#line);
      commands.push(command);
      this.#skipSpace();
      const token = this.#tokens[this.#at];
      if (token?.kind === "punct" && token.text === "|") {
        this.#at++;
        continue;
      }
      if (token === undefined && isInner) throw parseFault("unclosed left paren", this.#line);
      if (token === undefined) return { names, isAssignment, commands };
      if (isInner && token.kind === "punct" && token.text === ")") {
        this.#at++;
        return { names, isAssignment, commands };
      }
      throw this.#unexpected(token, "command");
    }
  }

  #declaration(): { readonly names: readonly string[]; readonly isAssignment: boolean } {
    const begin = this.#at;
    const names: string[] = [];
    for (;;) {
      this.#skipSpace();
      const token = this.#tokens[this.#at];
      if (token?.kind !== "variable") break;
      this.#at++;
      names.push(token.text);
      this.#skipSpace();
      const next = this.#tokens[this.#at];
      if (next?.kind !== "punct") break;
      if (next.text === ",") {
        this.#at++;
        continue;
      }
      if (next.text !== ":=" && next.text !== "=") break;
      this.#at++;
      return { names, isAssignment: next.text === "=" };
    }
    this.#at = begin;
    return { names: [], isAssignment: false };
  }

  #command(): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      this.#skipSpace();
      const token = this.#tokens[this.#at];
      if (token === undefined || (token.kind === "punct" && token.text !== "(" && token.text !== "."))
        return operands;
      operands.push(this.#chain(this.#operand(token)));
    }
  }

  #operand(token: Token): Operand {
    this.#at++;
    switch (token.kind) {
      case "string":
      case "number":
        return { kind: "constant", value: token.value };
      case "variable":
        return { kind: "variable", name: token.text };
      case "field":
        return { kind: "chain", base: { kind: "dot" }, fields: [token.text] };
      case "word":
        return this.#word(token.text);
      case "punct":
        return token.text === "(" ? { kind: "pipe", pipe: this.pipe(true) } : { kind: "dot" };
      default:
        return token satisfies never;
    }
  }

  #word(text: string): Operand {
    if (text === "true" || text === "false") return { kind: "constant", value: text === "true" };
    if (text === "nil") return { kind: "nil" };
    if (!this.#functions.has(text))
      throw parseFault(`function ${JSON.stringify(text)} not defined`, this.#line);
    return { kind: "function", name: text };
  }

  #chain(base: Operand): Operand {
    const fields: string[] = base.kind === "chain" ? [...base.fields] : [];
    const start = base.kind === "chain" ? base.base : base;
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.kind !== "field") break;
      fields.push(token.text);
      this.#at++;
    }
    return fields.length === 0 ? base : { kind: "chain", base: start, fields };
  }

  #skipSpace(): void {
    while (this.#tokens[this.#at] === space) this.#at++;
  }

  #unexpected(token: Token | undefined, where: string) {
    const text =
      token === undefined ? "EOF" : "text" in token ? `"${token.text}"` : JSON.stringify(token.value);
    return parseFault(`unexpected ${text} in ${where}`, this.#line);
  }
}
