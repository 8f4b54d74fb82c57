import { Fault, messageOf } from "#base/fault.ts";
import { functionNames, functions, isTrue } from "./functions.ts";
import { goPrint } from "./go-format.ts";
import { type Command, type Node, type Operand, parseTemplate, type Pipe, type Template } from "./parse.ts";

/** What a name that is not there means: an error, or nothing. */
export interface ExecuteOptions {
  /** Go's type of the data, for the error; without it the data is a map and a missing key prints `<no value>`. */
  readonly typeName?: string;
  /** The template's name, for errors. */
  readonly name?: string;
  /** Of maps: a missing key is an error. */
  readonly isStrict?: boolean;
}

export interface CompiledTemplate {
  execute(data: unknown, options?: ExecuteOptions): string;
}

/** A template that can be used many times. @throws {Fault} `invalid` with Go's texts */
export function compileTemplate(source: string): CompiledTemplate {
  const template = parseTemplate(source, functionNames);
  return {
    execute: (data, options = {}) => {
      const run = new Execution(template, source, data, options);
      return run.nodes(template.root, data);
    },
  };
}

class LoopExit extends Error {
  readonly isBreak: boolean;
  constructor(isBreak: boolean) {
    super();
    this.isBreak = isBreak;
  }
}

type Scope = [name: string, value: unknown][];

class Execution {
  readonly #template: Template;
  readonly #source: string;
  readonly #options: ExecuteOptions;
  #scope: Scope;

  constructor(template: Template, source: string, data: unknown, options: ExecuteOptions) {
    this.#template = template;
    this.#source = source;
    this.#options = options;
    this.#scope = [["$", data]];
  }

  nodes(nodes: readonly Node[], dot: unknown): string {
    let text = "";
    const depth = this.#scope.length;
    for (const node of nodes) text += this.#node(node, dot);
    this.#scope.length = Math.min(this.#scope.length, Math.max(depth, 1));
    return text;
  }

  #node(node: Node, dot: unknown): string {
    switch (node.kind) {
      case "text":
        return node.text;
      case "action": {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.names.length > 0) return "";
        return value === undefined ? "<no value>" : goPrint(value);
      }
      case "if":
      case "with":
      case "range":
        return this.#scoped(() => this.#branch(node, dot));
      case "template":
        return this.#call(node, dot);
      case "break":
      case "continue":
        throw new LoopExit(node.kind === "break");
      default:
        return node satisfies never;
    }
  }

  #scoped<T>(act: () => T): T {
    const depth = this.#scope.length;
    try {
      return act();
    } finally {
      this.#scope.length = depth;
    }
  }

  #branch(node: Extract<Node, { kind: "if" | "with" | "range" }>, dot: unknown): string {
    const value = this.#pipe(node.pipe, dot);
    if (node.kind === "range") return this.#range(node, value, dot);
    if (!isTrue(value)) return this.nodes(node.otherwise, dot);
    return this.nodes(node.body, node.kind === "with" ? value : dot);
  }

  #range(node: Extract<Node, { kind: "if" | "with" | "range" }>, value: unknown, dot: unknown): string {
    const items = itemsOf(value);
    if (items.length === 0) return this.nodes(node.otherwise, dot);
    const { names } = node.pipe;
    let text = "";
    for (const [key, item] of items) {
      const depth = this.#scope.length;
      if (names.length === 1) this.#scope.push([names[0] ?? "", item]);
      if (names.length === 2) this.#scope.push([names[0] ?? "", key], [names[1] ?? "", item]);
      try {
        for (const inner of node.body) text += this.#node(inner, item);
      } catch (error) {
        if (!(error instanceof LoopExit)) throw error;
        if (error.isBreak) break;
      } finally {
        this.#scope.length = depth;
      }
    }
    return text;
  }

  #call({ name, pipe }: Extract<Node, { kind: "template" }>, dot: unknown): string {
    const nodes = this.#template.named.get(name);
    if (nodes === undefined) throw this.#fault(`template ${JSON.stringify(name)} not defined`);
    const data = pipe === undefined ? null : this.#pipe(pipe, dot);
    const outer = this.#scope;
    this.#scope = [["$", data]];
    try {
      return this.nodes(nodes, data);
    } finally {
      this.#scope = outer;
    }
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    pipe.commands.forEach((command, at) => {
      value = this.#command(command, dot, at === 0 ? [] : [value]);
    });
    if (pipe.names.length === 1 && pipe.isAssignment) this.#assign(pipe.names[0] ?? "", value);
    else if (pipe.names.length === 1) this.#scope.push([pipe.names[0] ?? "", value]);
    return value;
  }

  #assign(name: string, value: unknown): void {
    const found = this.#scope.findLast(([known]) => known === name);
    if (found === undefined) throw this.#fault(`undefined variable: ${name}`);
    found[1] = value;
  }

  #command(command: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = command;
    if (first === undefined) return undefined;
    if (first.kind === "function") return this.#function(first.name, rest, dot, piped);
    const isCall = rest.length > 0 || piped.length > 0;
    if (!isCall) return this.#operand(first, dot);
    const args = [...rest.map((operand) => this.#operand(operand, dot)), ...piped];
    const callee = this.#operand(first, dot, true);
    if (typeof callee !== "function")
      throw this.#fault(`can't give argument to non-function ${describe(first)}`, describe(first));
    return (callee as (...values: unknown[]) => unknown)(...args);
  }

  #function(name: string, operands: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    if (name === "and" || name === "or") {
      let value: unknown;
      for (const operand of operands) {
        value = this.#operand(operand, dot);
        if (isTrue(value) === (name === "or")) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    const call = functions[name];
    if (call === undefined) throw this.#fault(`function ${JSON.stringify(name)} not defined`);
    const args = [...operands.map((operand) => this.#operand(operand, dot)), ...piped];
    try {
      return call(...args);
    } catch (error) {
      throw this.#fault(messageOf(error), name);
    }
  }

  #operand(operand: Operand, dot: unknown, isCallee = false): unknown {
    switch (operand.kind) {
      case "constant":
        return operand.value;
      case "dot":
        return dot;
      case "nil":
        return null;
      case "function":
        return this.#function(operand.name, [], dot, []);
      case "variable": {
        const found = this.#scope.findLast(([name]) => name === operand.name);
        if (found === undefined) throw this.#fault(`undefined variable: ${operand.name}`);
        return found[1];
      }
      case "pipe":
        return this.#pipe(operand.pipe, dot);
      case "chain": {
        let value = this.#operand(operand.base, dot);
        operand.fields.forEach((field, at) => {
          value = this.#field(value, field, operand, isCallee && at === operand.fields.length - 1);
        });
        return value;
      }
      default:
        return operand satisfies never;
    }
  }

  #field(
    value: unknown,
    field: string,
    operand: Extract<Operand, { kind: "chain" }>,
    isCallee: boolean,
  ): unknown {
    const where = describe(operand);
    if (value === undefined || value === null) {
      if (value === undefined && !this.#options.isStrict) return undefined;
      throw this.#fault(`nil data; no entry for key ${JSON.stringify(field)}`, where);
    }
    if (typeof value !== "object")
      throw this.#fault(
        `can't evaluate field ${field} in type ${typeof value === "string" ? "string" : "interface {}"}`,
        where,
      );
    const map = value as Readonly<Record<string, unknown>>;
    if (field in map && field !== "constructor") {
      const found = map[field];
      return typeof found === "function" && !isCallee
        ? (found as () => unknown).call(map)
        : bound(found, map);
    }
    if (this.#options.typeName !== undefined)
      throw this.#fault(`can't evaluate field ${field} in type ${this.#options.typeName}`, where);
    if (this.#options.isStrict) throw this.#fault(`map has no entry for key ${JSON.stringify(field)}`, where);
    return undefined;
  }

  #fault(message: string, where?: string): Fault {
    const at = where === undefined ? -1 : this.#source.indexOf(where);
    const before = this.#source.slice(0, Math.max(at, 0)).split("\n");
    const { name = "" } = this.#options;
    // Go tells of a chain the place of its second field.
    const [, first = ""] = /^(\$?\w*\.\w+)\./.exec(where ?? "") ?? [];
    const place = where === undefined ? "" : `:${(before.at(-1) ?? "").length + first.length}`;
    const executing = where === undefined ? "" : ` executing ${JSON.stringify(name)} at <${where}>:`;
    return new Fault("invalid", `template: ${name}:${before.length}${place}:${executing} ${message}`);
  }
}

function bound(value: unknown, owner: object): unknown {
  return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(owner) : value;
}

function describe(operand: Operand): string {
  if (operand.kind === "chain") {
    const base = operand.base.kind === "variable" ? operand.base.name : "";
    return `${base}.${operand.fields.join(".")}`;
  }
  return operand.kind === "dot" ? "." : operand.kind === "variable" ? operand.name : "";
}

function itemsOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item: unknown, at) => [at, item] as const);
  if (typeof value === "number") return Array.from({ length: value }, (_, at) => [at, at] as const);
  if (typeof value === "object")
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  throw new Fault("invalid", `range can't iterate over ${goPrint(value)}`);
}
