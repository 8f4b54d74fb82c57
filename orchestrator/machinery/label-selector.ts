import type { LabelSelector } from "#api/kube/meta.ts";
import { Fault } from "#base/fault.ts";
import { invalid } from "./field-error.ts";
import { byBytes } from "./go-text.ts";
import { labelValueComplaints, qualifiedNameComplaints } from "./names.ts";
import type { FieldError } from "./resource.ts";

/** One condition on the labels of an object. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | ">" | "<";
  readonly values: readonly string[];
}

/** All of them must hold: none of them matches everything. */
export type LabelRequirements = readonly LabelRequirement[];

type Labels = Readonly<Record<string, string>> | undefined;

/**
 * Reads what the query `labelSelector` holds: `app=web,tier in (a, b),!canary,count>3`.
 *
 * @throws {Fault} `invalid` in the words of the API
 * @see Kubernetes, "Labels and Selectors", API
 */
export function parseLabelSelector(text: string): LabelRequirements {
  return new Parser(text).parse().sort((a, b) => byBytes(a.key, b.key));
}

/**
 * What a selector within an object asks for; undefined when it is absent, and so matches nothing.
 *
 * @throws {Fault} `invalid` in the words of the API
 */
export function requirementsOf(selector: LabelSelector | undefined): LabelRequirements | undefined {
  if (selector === undefined) return undefined;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
    checked({ key, operator: "=", values: [value] }),
  );
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = operators.get(operator);
    if (known === undefined)
      throw new Fault("invalid", `${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(checked({ key, operator: known, values }));
  }
  return requirements.sort((a, b) => byBytes(a.key, b.key));
}

const operators = new Map<string, LabelRequirement["operator"]>([
  ["In", "in"],
  ["NotIn", "notin"],
  ["Exists", "exists"],
  ["DoesNotExist", "!"],
]);

/** Whether labels are what all requirements ask for. */
export function matchesLabels(requirements: LabelRequirements, labels: Labels): boolean {
  for (const requirement of requirements) if (!isMet(requirement, labels)) return false;
  return true;
}

/** The same for one of them. */
export function isMet({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case ">":
    case "<":
      return isBeyond(value, operator, values[0]);
    default:
      return operator satisfies never;
  }
}

/** The same for a selector within an object; an absent one matches nothing. */
export function selects(selector: LabelSelector | undefined, labels: Labels): boolean {
  const requirements = requirementsOf(selector);
  return requirements !== undefined && matchesLabels(requirements, labels);
}

function isBeyond(value: string | undefined, operator: ">" | "<", limit: string | undefined): boolean {
  const [own, other] = [integer(value), integer(limit)];
  if (own === undefined || other === undefined) return false;
  return operator === ">" ? own > other : own < other;
}

/** Of 64 bits. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/** The requirements as a query, in the order of their keys. */
export function formatLabelSelector(requirements: LabelRequirements): string {
  return requirements.map(formatted).join(",");
}

function formatted({ key, operator, values }: LabelRequirement): string {
  if (operator === "exists") return key;
  if (operator === "!") return `!${key}`;
  const all = [...values].sort(byBytes).join(",");
  return operator === "in" || operator === "notin"
    ? `${key} ${operator} (${all})`
    : `${key}${operator}${all}`;
}

/** @throws {Fault} `invalid` for what no requirement may be */
function checked(requirement: LabelRequirement): LabelRequirement {
  const { key, values } = requirement;
  const errors = [
    ...complaint("key", key, qualifiedNameComplaints(key)),
    ...valueErrors(requirement),
    ...values.flatMap((value, at) => complaint(`values[${at}][${key}]`, value, labelValueComplaints(value))),
  ];
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  if (texts.length > 1) throw new Fault("invalid", `[${texts.join(", ")}]`);
  if (texts[0] !== undefined) throw new Fault("invalid", texts[0]);
  return requirement;
}

function valueErrors({ operator, values }: LabelRequirement): readonly FieldError[] {
  switch (operator) {
    case "in":
    case "notin":
      if (values.length > 0) return [];
      return [invalid("values", values, "for 'in', 'notin' operators, values set can't be empty")];
    case "exists":
    case "!":
      if (values.length === 0) return [];
      return [invalid("values", values, "values set must be empty for exists and does not exist")];
    case ">":
    case "<":
      return values.flatMap((value, at) =>
        integer(value) === undefined
          ? [invalid(`values[${at}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer")]
          : [],
      );
    default:
      return [];
  }
}

function complaint(field: string, value: string, complaints: readonly string[]): readonly FieldError[] {
  return complaints.length === 0 ? [] : [invalid(field, value, complaints.join("; "))];
}

interface Token {
  readonly type: "end" | "word" | ")" | "(" | "," | "!" | "==" | "=" | ">" | "<" | "in" | "!=" | "notin";
  readonly text: string;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const [, symbol, word] of text.matchAll(/(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+)/g)) {
    if (symbol !== undefined) tokens.push({ type: symbol as Token["type"], text: symbol });
    else if (word === "in" || word === "notin") tokens.push({ type: word, text: word });
    else if (word !== undefined) tokens.push({ type: "word", text: word });
  }
  return tokens;
}

const end: Token = { type: "end", text: "" };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  parse(): LabelRequirement[] {
    const found: LabelRequirement[] = [];
    for (;;) {
      const { type, text } = this.#peek();
      if (type === "end") return found;
      if (type !== "word" && type !== "!")
        throw unexpected(text, ", expected: !, identifier, or 'end of string'");
      found.push(this.#requirement());
      const next = this.#take();
      if (next.type === "end") return found;
      if (next.type !== ",") throw unexpected(next.text, ", expected: ',' or 'end of string'");
      const after = this.#peek();
      if (after.type !== "word" && after.type !== "!")
        throw unexpected(after.text, ", expected: identifier after ','");
    }
  }

  #requirement(): LabelRequirement {
    try {
      return checked(this.#unchecked());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      throw new Fault("invalid", `unable to parse requirement: ${error.message}`);
    }
  }

  #unchecked(): LabelRequirement {
    const first = this.#take();
    const isNegated = first.type === "!";
    const { type, text: key } = isNegated ? this.#take() : first;
    if (type !== "word") throw unexpected(key, ", expected: identifier");
    const wrong = qualifiedNameComplaints(key);
    if (wrong.length > 0) throw new Fault("invalid", `<nil>: ${invalid("", key, wrong.join("; ")).message}`);
    const next = this.#peek().type;
    if (isNegated) return { key, operator: "!", values: [] };
    if (next === "end" || next === ",") return { key, operator: "exists", values: [] };
    const operator = this.#operator();
    return {
      key,
      operator,
      values: operator === "in" || operator === "notin" ? this.#set() : [this.#value()],
    };
  }

  #operator(): "in" | "notin" | "=" | "==" | "!=" | ">" | "<" {
    const { type, text } = this.#take(true);
    switch (type) {
      case "in":
      case "notin":
      case "=":
      case "==":
      case "!=":
      case ">":
      case "<":
        return type;
      default:
        throw unexpected(text, ", expected: in, notin, =, ==, !=, gt, lt");
    }
  }

  #value(): string {
    const { type } = this.#peek();
    if (type === "end" || type === ",") return "";
    const { type: taken, text } = this.#take();
    if (taken !== "word") throw unexpected(text, ", expected: identifier");
    return text;
  }

  #set(): readonly string[] {
    const open = this.#take();
    if (open.type !== "(") throw unexpected(open.text, " expected: '('");
    const first = this.#peek();
    if (first.type === ")") {
      this.#take();
      return [""];
    }
    if (first.type !== "word" && first.type !== ",")
      throw unexpected(first.text, ", expected: ',', ')' or identifier");
    const values = this.#identifiers();
    this.#take();
    return [...values].sort(byBytes);
  }

  #identifiers(): ReadonlySet<string> {
    const values = new Set<string>();
    for (;;) {
      const { type, text } = this.#take();
      const next = this.#peek();
      if (type === "word") {
        values.add(text);
        if (next.type === ")") return values;
        if (next.type !== ",") throw unexpected(next.text, ", expected: ',' or ')'");
        continue;
      }
      if (type !== ",") throw unexpected(text, ", expected: ',', or identifier");
      if (values.size === 0 || next.type === ",") values.add("");
      if (next.type === ")") return values.add("");
    }
  }

  /** `in` and `notin` are words wherever no operator is asked for. */
  #peek(isOperator = false): Token {
    const token = this.#tokens[this.#at] ?? end;
    const isWord = !isOperator && (token.type === "in" || token.type === "notin");
    return isWord ? { type: "word", text: token.text } : token;
  }

  #take(isOperator = false): Token {
    const token = this.#peek(isOperator);
    this.#at++;
    return token;
  }
}

function unexpected(text: string, rest: string): Fault {
  return new Fault("invalid", `found '${text}'${rest}`);
}
