import { DecodeError } from "#orchestrator/machinery/decode-error.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { TypeSchema, ValueSchema } from "#orchestrator/machinery/schema.ts";
import { decodeObject } from "#orchestrator/machinery/schema-decode.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";

/** A generator of numbers that gives the same ones in each run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const texts = [
  "",
  "a",
  "A_b",
  "..",
  "/a/../b",
  "1.2.3.4",
  "::",
  "x".repeat(300),
  "é\u0000",
  "50%",
  "*",
  "a.b/c",
  "__proto__",
  "constructor",
];
const amounts = ["0", "1", "-1", "1500m", "1Gi", "0.1", "1e3", "9999999999999999999"];

/** Makes objects that are shaped as their schema says, mostly. */
export class ObjectGenerator {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  /** Any of its fields may be missing, null, or hold what it should not. */
  object(schema: TypeSchema, depth: number): Draft {
    const object: Draft = {};
    const share = this.#random();
    for (const [name, field] of schema.fields) {
      if (name === "apiVersion" || name === "kind" || this.#random() > share) continue;
      if (this.#random() < 0.01) object[name] = this.#pick([null, [], {}, "", 3, true]);
      else if (depth < 9) object[name] = this.#value(field.value, depth);
    }
    if (this.#random() < 0.02) object["unknown"] = { a: [1] };
    return object;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)] as T;
  }

  #value(schema: ValueSchema, depth: number): unknown {
    const some = <T>(item: () => T) => Array.from({ length: Math.floor(this.#random() * 3) }, item);
    switch (schema.kind) {
      case "string":
        return schema.enum !== undefined && this.#random() < 0.8
          ? this.#pick(schema.enum)
          : this.#pick(texts);
      case "boolean":
        return this.#random() < 0.5;
      case "integer":
      case "number":
        return this.#pick([0, 1, -1, 80, 70_000, 2_147_483_647, -2_147_483_648]);
      case "bytes":
        return this.#pick(["", "AA==", "eyI=", "LS0tLS0="]);
      case "time":
      case "micro-time":
        return "2024-05-06T07:08:09Z";
      case "quantity":
        return this.#pick(amounts);
      case "int-or-string":
        return this.#pick([0, 80, -5, "http", "25%", ""]);
      case "any":
        return this.#pick([{}, { a: 1 }, "x", null]);
      case "object":
        return this.object(schema.type, depth + 1);
      case "list":
        return some(() => this.#value(schema.items, depth + 1));
      case "map":
        return Object.fromEntries(some(() => [this.#pick(texts), this.#value(schema.values, depth + 1)]));
      case "schema-or":
        return this.#pick([true, [], {}, ["x"]]);
      default:
        return schema satisfies never;
    }
  }
}

/** As requests have it: undefined when the body was refused. */
export function readGenerated(definition: ResourceDefinition, object: Draft): Draft | undefined {
  const { group, version, kind, type, strategy } = definition;
  const draft: Draft = { ...object, kind, apiVersion: group === "" ? version : `${group}/${version}` };
  try {
    decodeObject(schemaOf(type), draft);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
  strategy.default?.(draft);
  return draft;
}
