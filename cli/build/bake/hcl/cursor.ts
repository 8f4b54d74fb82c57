import { hclProblem } from "./problem.ts";
import type { HclRange, HclSource } from "./syntax.ts";

/** A place in a source, and what is looked for there. Where brackets are open, line ends are nothing but space. */
export class Cursor {
  readonly source: HclSource;
  readonly end: number;
  at: number;
  /** Nothing behind the end. */
  readonly #text: string;
  #open = 0;
  #depth = 0;

  constructor(source: HclSource, at = 0, end = source.text.length) {
    this.source = source;
    this.at = at;
    this.end = end;
    this.#text = source.text.slice(0, end);
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  range(start: number, end = this.at): HclRange {
    return { source: this.source, start, end };
  }

  /** @throws {Fault} `invalid`, always */
  fail(summary: string, detail: string, start = this.at, end = Math.min(start + 1, this.end)): never {
    throw hclProblem(this.range(start, end), summary, detail);
  }

  /** What the expression finds right here; nothing is taken. */
  look(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.at;
    return sticky.exec(this.#text);
  }

  /** Takes what the expression finds right here. */
  take(sticky: RegExp): string | undefined {
    const found = this.look(sticky)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  /** Takes a sign, with space in front of it. */
  takeSign(sign: string): boolean {
    this.skip();
    if (!this.#text.startsWith(sign, this.at)) return false;
    this.at += sign.length;
    return true;
  }

  /** @throws {Fault} `invalid` when it is not there */
  expect(sign: string, summary: string, detail: string): void {
    if (!this.takeSign(sign)) this.fail(summary, detail);
  }

  skip(): void {
    this.take(this.#open > 0 ? anySpace : lineSpace);
  }

  /** Space with line ends. */
  skipLines(): void {
    this.take(anySpace);
  }

  /** @throws {Fault} `invalid` for what nests deeper than anybody writes */
  deeper<T>(work: () => T): T {
    if (this.#depth >= deepest) this.fail("Invalid expression", "This expression is nested too deeply.");
    this.#depth += 1;
    const result = work();
    this.#depth -= 1;
    return result;
  }

  /** Line ends are space in `work`. */
  inside<T>(work: () => T): T {
    return this.#with(this.#open + 1, work);
  }

  /** Line ends count in `work`. */
  outside<T>(work: () => T): T {
    return this.#with(0, work);
  }

  #with<T>(open: number, work: () => T): T {
    const before = this.#open;
    this.#open = open;
    try {
      return work();
    } finally {
      this.#open = before;
    }
  }
}

const deepest = 100;
const lineSpace = /(?:[ \t]|\/\*[^]*?\*\/|(?:#|\/\/)[^\n]*)*/y;
const anySpace = /(?:\s|\/\*[^]*?\*\/|(?:#|\/\/)[^\n]*)*/y;
