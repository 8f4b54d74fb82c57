import { hclProblem } from "./problem.ts";
import {
  evaluate,
  type HclFunction,
  isList,
  isObject,
  booleanOf,
  type Scope,
  textOf,
  within,
} from "./evaluate.ts";
import { listFunctions } from "./list-functions.ts";
import { otherFunctions } from "./other-functions.ts";
import type { HclAttribute, HclBlock, HclBody, HclObject, HclValue } from "./syntax.ts";
import { textFunctions } from "./text-functions.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A variable of bake's files, with what it is. */
export interface BakeVariable {
  /** Undefined where neither the file nor the environment gives one. */
  readonly value: HclValue | undefined;
  readonly type: string;
  readonly description: string;
}

interface Declared {
  readonly blocks: readonly HclBlock[];
  readonly fallback: HclAttribute | undefined;
  readonly type: string;
}

/**
 * Variables and functions of bake's files together. A variable is what the environment says, in the form of its default, or its default;
 * defaults may use others.
 *
 * @see Docker docs, "Bake file reference"
 */
export class BakeScope implements Scope {
  readonly #env: Env;
  readonly #variables = new Map<string, Declared>();
  readonly #attributes = new Map<string, HclAttribute>();
  readonly #functions = new Map<string, HclFunction>();
  readonly #known = new Map<string, HclValue | undefined>();
  readonly #pending = new Set<string>();
  readonly #builtIn: HclObject;

  /** @param builtIn values that no file has to declare */
  constructor(bodies: readonly HclBody[], env: Env, builtIn: HclObject) {
    this.#env = env;
    this.#builtIn = builtIn;
    for (const { attributes, blocks } of bodies) {
      for (const [name, attribute] of attributes) this.#attributes.set(name, attribute);
      for (const block of blocks) {
        if (block.type === "variable") this.#declare(block);
        if (block.type === "function") this.#define(block);
      }
    }
  }

  /** All that are declared. @throws {Fault} `invalid` for what cannot be evaluated, or does not pass its validation */
  variables(): ReadonlyMap<string, BakeVariable> {
    return new Map(
      [...this.#variables].map(([name, { blocks, type }]) => {
        this.variable(name);
        this.#validate(blocks);
        const [description] = blocks
          .flatMap(({ body }) => body.attributes.get("description") ?? [])
          .reverse();
        const told =
          description === undefined ? "" : textOf(evaluate(description.value, this), description.range);
        return [name, { value: this.#known.get(name), type, description: told }];
      }),
    );
  }

  call(name: string): HclFunction | undefined {
    const own = this.#functions.get(name);
    if (own !== undefined) return own;
    for (const table of [textFunctions, listFunctions, otherFunctions])
      if (Object.hasOwn(table, name)) return table[name];
    return undefined;
  }

  variable(name: string): HclValue | undefined {
    const isDeclared = this.#variables.has(name) || this.#attributes.has(name);
    if (!isDeclared) return Object.hasOwn(this.#builtIn, name) ? this.#builtIn[name] : undefined;
    if (!this.#known.has(name)) this.#known.set(name, this.#evaluate(name));
    return this.#known.get(name) ?? (this.#hasNull(name) ? null : "");
  }

  /** Whether a variable is null by its default; one without a default is an empty text. */
  #hasNull(name: string): boolean {
    return this.#variables.get(name)?.fallback !== undefined || this.#attributes.has(name);
  }

  #declare(block: HclBlock): void {
    const { labels, body } = block;
    const name = labels[0] ?? "";
    const before = this.#variables.get(name);
    const type = body.attributes.get("type");
    this.#variables.set(name, {
      blocks: [...(before?.blocks ?? []), block],
      fallback: body.attributes.get("default") ?? before?.fallback,
      type: type === undefined ? (before?.type ?? "") : typeText(type),
    });
  }

  #evaluate(name: string): HclValue | undefined {
    const declared = this.#variables.get(name);
    const attribute = declared?.fallback ?? this.#attributes.get(name);
    const given = declared === undefined ? undefined : this.#env[name];
    if (attribute === undefined)
      return given === undefined ? undefined : fromText(name, given, declared?.type ?? "", undefined);
    if (this.#pending.has(name))
      throw hclProblem(attribute.value.range, "Invalid expression", `variable cycle not allowed for ${name}`);
    this.#pending.add(name);
    const fallback = evaluate(attribute.value, this);
    this.#pending.delete(name);
    if (given === undefined) return fallback;
    try {
      return fromText(name, given, declared?.type ?? "", fallback);
    } catch (error) {
      const { source, start } = attribute.range;
      throw hclProblem({ source, start, end: start }, "Invalid value", (error as Error).message);
    }
  }

  #validate(blocks: readonly HclBlock[]): void {
    for (const { body, type } of blocks.flatMap((block) => block.body.blocks)) {
      const condition = body.attributes.get("condition");
      if (type !== "validation" || condition === undefined) continue;
      const { range } = condition.value;
      if (booleanOf(evaluate(condition.value, this), range, "Condition expression must return a boolean"))
        continue;
      const message = body.attributes.get("error_message");
      const text = message === undefined ? "" : textOf(evaluate(message.value, this), message.range);
      throw hclProblem(
        range,
        "Validation failed",
        text === "" ? "This check failed, but has an invalid error message." : text,
      );
    }
  }

  #define({ labels, body, range }: HclBlock): void {
    const [name = ""] = labels;
    const params = namesIn(body.attributes.get("params"));
    const rest = namesIn(body.attributes.get("variadic_params"))[0];
    const result = body.attributes.get("result");
    if (result === undefined)
      throw hclProblem(
        range,
        "Missing required argument",
        'The argument "result" is required, but no definition was found.',
      );
    this.#functions.set(name, (args) => {
      if (args.length < params.length || (rest === undefined && args.length > params.length))
        throw new Error(`it takes ${params.length} arguments, not ${args.length}`);
      const values = new Map<string, HclValue>(params.map((param, at) => [param, args[at] ?? null]));
      if (rest !== undefined) values.set(rest, args.slice(params.length));
      return evaluate(result.value, within(this, values));
    });
  }
}

/** Names stand there as they are, in a list or alone. */
function namesIn(attribute: HclAttribute | undefined): readonly string[] {
  if (attribute === undefined) return [];
  const { value } = attribute;
  if (value.kind === "literal") return [value.value].flat().map((one) => textOf(one ?? null, value.range));
  return (value.kind === "list" ? value.items : [value]).map((item) => {
    if (item.kind === "variable") return item.name;
    if (item.kind === "literal") return textOf(item.value, item.range);
    throw hclProblem(item.range, "Invalid param definition", "A name is required.");
  });
}

/** `string`, or `list(string)`, as it is written. */
function typeText({ value: { range, ...value } }: HclAttribute): string {
  if (value.kind === "literal" && typeof value.value === "string") return value.value;
  const { source } = range;
  const end = source.text.indexOf("\n", range.start);
  return source.text
    .slice(range.start, end < 0 ? undefined : end)
    .replace(/\s*(#|\/\/|\}).*$/, "")
    .trim();
}

/** What a variable of the environment stands for. @throws {Error} in bake's words */
function fromText(name: string, text: string, type: string, fallback: HclValue | undefined): HclValue {
  const kind = type === "" ? typeof fallback : type;
  if (kind === "boolean" || kind === "bool") {
    if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
    if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
    throw new Error(
      `failed to parse ${name} as bool: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  if (kind === "number") {
    if (text.trim() !== "" && !Number.isNaN(Number(text))) return Number(text);
    throw new Error(
      `failed to parse ${name} as number: strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  const isCollection =
    /^(list|set|tuple|map|object)\b/.test(kind) || isList(fallback ?? null) || isObject(fallback ?? null);
  return isCollection ? collection(name, text) : text;
}

/** JSON, or values with commas in between. */
function collection(name: string, text: string): HclValue {
  if (!/^\s*[[{]/.test(text)) return text === "" ? [] : text.split(",");
  try {
    return JSON.parse(text) as HclValue;
  } catch (error) {
    throw new Error(`failed to parse ${name}: ${(error as Error).message}`);
  }
}
