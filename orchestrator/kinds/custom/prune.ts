import { DecodeError } from "#orchestrator/machinery/decode-error.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { decodeObject } from "#orchestrator/machinery/schema-decode.ts";
import { schemaOf } from "../schemas.ts";
import { itemsOf, type JsonSchema } from "./definition.ts";

const metaFields = new Set(["apiVersion", "kind", "metadata"]);
const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/**
 * Drops what the schema of a custom resource does not have, and what its metadata does not, in place.
 *
 * @returns what was dropped, e.g. `unknown field "spec.foo"`, in the order of the fields' names
 * @throws {DecodeError} for metadata of another type
 */
export function prune(schema: JsonSchema | undefined, object: Draft): readonly string[] {
  const unknown: string[] = [];
  pruneMeta(object, "", unknown);
  pruneValue({ unknown }, { ...schema, "x-kubernetes-embedded-resource": true }, object, "");
  return unknown.sort().map((path) => `unknown field "${path}"`);
}

interface Pruning {
  readonly unknown: string[];
}

function pruneValue(pruning: Pruning, schema: JsonSchema | undefined, value: unknown, path: string): void {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const isFree = schema?.["x-kubernetes-preserve-unknown-fields"] === true && items === undefined;
    if (!isFree) value.forEach((item, at) => pruneValue(pruning, items, item, `${path}[${at}]`));
  } else if (isObject(value)) pruneObject(pruning, schema, value, path);
}

function pruneObject(pruning: Pruning, schema: JsonSchema | undefined, object: Draft, path: string): void {
  const isFree = schema?.["x-kubernetes-preserve-unknown-fields"] === true;
  const isEmbedded = schema?.["x-kubernetes-embedded-resource"] === true;
  if (isEmbedded && path !== "") pruneMeta(object, path, pruning.unknown);
  for (const name of Object.keys(object)) {
    if (isEmbedded && metaFields.has(name)) continue;
    const own = path === "" ? name : `${path}.${name}`;
    const { properties, additionalProperties } = schema ?? {};
    if (properties !== undefined && Object.hasOwn(properties, name))
      pruneValue(pruning, properties[name], object[name], own);
    else if (typeof additionalProperties === "object")
      pruneValue(pruning, additionalProperties, object[name], own);
    else if (!isFree && additionalProperties !== true) {
      pruning.unknown.push(own);
      delete object[name];
    }
  }
}

/** The metadata of an object, or of one within it. */
function pruneMeta(object: Draft, path: string, unknown: string[]): void {
  const { metadata } = object;
  if (metadata === null) delete object["metadata"];
  if (metadata === undefined || metadata === null) return;
  const where = path === "" ? "metadata" : `${path}.metadata`;
  if (!isObject(metadata)) throw new DecodeError(`${where}: Invalid value: it is no object`);
  for (const text of decodeObject(schemaOf(objectMeta), metadata)) {
    const field = /^unknown field "(.*)"$/.exec(text)?.[1];
    unknown.push(`${where}.${field ?? ""}`);
  }
}
