import { createRequire } from "node:module";
import { isIP } from "node:net";
import type { Environment } from "@marcbachmann/cel-js";
import { isFault, messageOf } from "#base/fault.ts";
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  subtractQuantities,
  wholeUnits,
} from "../quantity.ts";

type Cel = typeof import("@marcbachmann/cel-js");

let cel: Cel | undefined;

/** The interpreter of expressions, loaded when the first one is compiled. */
export function loadCel(): Cel {
  cel ??= createRequire(import.meta.url)("@marcbachmann/cel-js") as Cel;
  return cel;
}

/** An expression that has been compiled, or why it cannot be. */
export type Expression =
  | { readonly run: (variables: Readonly<Record<string, unknown>>) => unknown }
  | { readonly error: string };

/** How many expressions are kept compiled, of each environment. */
export const mostCompiled = 2000;

export function compileIn(environment: Environment, text: string): Expression {
  try {
    const program = environment.parse(text);
    const { valid, error } = program.check();
    return valid ? { run: (variables) => program(variables) } : { error: messageOf(error) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** What keeps an expression small enough to be read and checked at once. */
const limits = {
  maxAstNodes: 20_000,
  maxDepth: 100,
  maxListElements: 1000,
  maxMapEntries: 1000,
  maxCallArguments: 32,
};

/**
 * An environment with the functions that Kubernetes adds to the language, where it has the given variables, of any type.
 *
 * @see Kubernetes, "Common Expression Language in Kubernetes"
 */
export function celEnvironment(variables: readonly string[]): Environment {
  const { Environment: Made } = loadCel();
  const environment = new Made({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits });
  for (const name of variables) environment.registerVariable(name, "dyn");
  addTexts(environment);
  addLists(environment);
  addNetwork(environment);
  addQuantityType(environment);
  return environment;
}

function addTexts(environment: Environment): void {
  environment
    .registerFunction(
      "string.find(string): string",
      (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? "",
    )
    .registerFunction("string.findAll(string): list<string>", (text: string, pattern: string) =>
      [...text.matchAll(new RegExp(pattern, "g"))].map(([found]) => found),
    )
    .registerFunction("string.replace(string, string): string", (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction(
      "string.charAt(int): string",
      (text: string, at: bigint) => Array.from(text)[Number(at)] ?? "",
    )
    .registerFunction("string.reverse(): string", (text: string) => Array.from(text).reverse().join(""));
}

type Comparable = bigint | number | string;

function addLists(environment: Environment): void {
  const smallest = (list: readonly Comparable[]) => list.reduce((a, b) => (b < a ? b : a));
  const greatest = (list: readonly Comparable[]) => list.reduce((a, b) => (b > a ? b : a));
  environment
    .registerFunction("list.isSorted(): bool", (list: readonly Comparable[]) =>
      list.every((item, at) => at === 0 || (list[at - 1] as Comparable) <= item),
    )
    .registerFunction("list.sum(): dyn", (list: readonly (bigint | number)[]) =>
      list.length === 0 ? 0n : list.reduce((a, b) => (a as never) + (b as never)),
    )
    .registerFunction("list.min(): dyn", smallest)
    .registerFunction("list.max(): dyn", greatest)
    .registerFunction("list.indexOf(dyn): int", (list: readonly unknown[], item: unknown) =>
      BigInt(list.indexOf(item)),
    )
    .registerFunction("list.lastIndexOf(dyn): int", (list: readonly unknown[], item: unknown) =>
      BigInt(list.lastIndexOf(item)),
    );
}

function addNetwork(environment: Environment): void {
  environment
    .registerFunction("isURL(string): bool", (text: string) => URL.canParse(text))
    .registerFunction("isIP(string): bool", (text: string) => isIP(text) !== 0)
    .registerFunction("isCIDR(string): bool", (text: string) => {
      const [, address = "", length = ""] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
      return isIP(address) !== 0 && Number(length) <= (isIP(address) === 4 ? 32 : 128);
    });
}

class CelQuantity {
  readonly value: Quantity;

  constructor(value: Quantity) {
    this.value = value;
  }
}

function addQuantityType(environment: Environment): void {
  const order = (a: CelQuantity, b: CelQuantity) => compareQuantities(a.value, b.value);
  environment
    .registerType("Quantity", { ctor: CelQuantity, fields: {} })
    .registerFunction("quantity(string): Quantity", (text: string) => new CelQuantity(parseQuantity(text)))
    .registerFunction("isQuantity(string): bool", isQuantity)
    .registerFunction("Quantity.compareTo(Quantity): int", (a: CelQuantity, b: CelQuantity) =>
      BigInt(order(a, b)),
    )
    .registerFunction(
      "Quantity.isLessThan(Quantity): bool",
      (a: CelQuantity, b: CelQuantity) => order(a, b) < 0,
    )
    .registerFunction(
      "Quantity.isGreaterThan(Quantity): bool",
      (a: CelQuantity, b: CelQuantity) => order(a, b) > 0,
    )
    .registerFunction("Quantity.asInteger(): int", (a: CelQuantity) => BigInt(wholeUnits(a.value)))
    .registerFunction("Quantity.sign(): int", (a: CelQuantity) =>
      a.value.unscaled > 0n ? 1n : a.value.unscaled < 0n ? -1n : 0n,
    )
    .registerFunction(
      "Quantity.add(Quantity): Quantity",
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(addQuantities(a.value, b.value)),
    )
    .registerFunction(
      "Quantity.sub(Quantity): Quantity",
      (a: CelQuantity, b: CelQuantity) => new CelQuantity(subtractQuantities(a.value, b.value)),
    );
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (isFault(error, "invalid")) return false;
    throw error;
  }
}
