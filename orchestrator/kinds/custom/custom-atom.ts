import { type Atom, atomOfType, deduced, type MapAtom } from "#orchestrator/machinery/apply/atom.ts";
import type { FieldTypes } from "#orchestrator/machinery/apply/ownership.ts";
import { schemaOf } from "../schemas.ts";
import { type CustomDefinition, itemsOf, type JsonSchema } from "./definition.ts";

/** How apply sees objects of a custom kind, in each of its versions. */
export function customTypes({ spec }: CustomDefinition): FieldTypes {
  const atoms = new Map<string, Atom>();
  return {
    findAtom(apiVersion) {
      const known = atoms.get(apiVersion);
      if (known !== undefined) return known;
      const version = spec.versions.find(({ name }) => `${spec.group}/${name}` === apiVersion);
      if (version === undefined) return undefined;
      const atom = resourceAtom(version.schema?.openAPIV3Schema ?? {});
      atoms.set(apiVersion, atom);
      return atom;
    },
  };
}

/** Of an object with a type and metadata of its own. */
function resourceAtom(schema: JsonSchema): Atom {
  const own = atomOf({ type: "object", ...schema, "x-kubernetes-embedded-resource": false });
  const { map } = own;
  if (map === undefined) return own;
  const text: Atom = { scalar: "string" };
  const named = new Map<string, Atom>([
    ["apiVersion", text],
    ["kind", text],
    ["metadata", atomOfType(schemaOf("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"))],
  ]);
  return {
    map: {
      isAtomic: map.isAtomic,
      hasFields: true,
      findField: (name) => named.get(name) ?? map.findField(name),
      findDefault: (name) => map.findDefault(name),
      ...(map.values !== undefined && { values: map.values }),
    },
  };
}

function atomOf(schema: JsonSchema): Atom {
  if (schema["x-kubernetes-int-or-string"] === true) return { scalar: "untyped" };
  if (schema["x-kubernetes-embedded-resource"] === true) return resourceAtom(schema);
  const isFree = schema["x-kubernetes-preserve-unknown-fields"] === true;
  switch (schema.type) {
    case "object":
      return { map: mapOf(schema, isFree) };
    case "array":
      return listOf(schema);
    case "string":
      return { scalar: "string" };
    case "boolean":
      return { scalar: "boolean" };
    case "integer":
    case "number":
      return { scalar: "numeric" };
    default:
      return deduced;
  }
}

function mapOf(schema: JsonSchema, isFree: boolean): MapAtom {
  const { properties = {}, additionalProperties } = schema;
  const fields = new Map<string, Atom>();
  const values =
    typeof additionalProperties === "object"
      ? atomOf(additionalProperties)
      : isFree || additionalProperties === true
        ? deduced
        : undefined;
  return {
    isAtomic: schema["x-kubernetes-map-type"] === "atomic",
    hasFields: Object.keys(properties).length > 0,
    findField(name) {
      const known = fields.get(name);
      if (known !== undefined || !Object.hasOwn(properties, name)) return known;
      const atom = atomOf(properties[name] ?? {});
      fields.set(name, atom);
      return atom;
    },
    findDefault: (name) => (Object.hasOwn(properties, name) ? properties[name]?.default : undefined),
    ...(values !== undefined && { values }),
  };
}

function listOf(schema: JsonSchema): Atom {
  const type = schema["x-kubernetes-list-type"] ?? "atomic";
  const keys = type === "map" ? (schema["x-kubernetes-list-map-keys"] ?? []) : [];
  return { list: { isAtomic: type === "atomic", keys, items: atomOf(itemsOf(schema) ?? {}) } };
}
