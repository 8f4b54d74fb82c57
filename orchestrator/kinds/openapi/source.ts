import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { isObject } from "#orchestrator/machinery/is-object.ts";

/** A schema as OpenAPI v2 has it; v3's differ where {@link ./v3.ts} says. */
export type SchemaNode = Readonly<Record<string, unknown>>;

/** What is told of types and where they are served, in OpenAPI v2's form: references are `#/definitions/NAME`. */
export interface Published {
  readonly definitions: Readonly<Record<string, SchemaNode>>;
  readonly paths: Readonly<Record<string, SchemaNode>>;
}

export interface Specification extends Published {
  readonly parameters: Readonly<Record<string, SchemaNode>>;
}

const file = new URL("../data/open-api.json.gz", import.meta.url);

/** The specification of the built-in kinds: some megabytes, so it is read anew by whoever makes a document and dropped after. */
export function readSpecification(): Specification {
  return JSON.parse(gunzipSync(readFileSync(file)).toString());
}

let ownHash: string | undefined;

/** Changes with the specification: documents made of it are the same as long as this is. */
export function specificationHash(): string {
  ownHash ??= createHash("sha256").update(readFileSync(file)).digest("hex");
  return ownHash;
}

export function isNode(value: unknown): value is SchemaNode {
  return isObject(value);
}
