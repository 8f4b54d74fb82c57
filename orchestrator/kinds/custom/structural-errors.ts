import { forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { byBytes } from "#orchestrator/machinery/go-text.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import { itemsOf, type JsonSchema, memberOf } from "./definition.ts";
import { compilePattern } from "./pattern.ts";

type Level = "root" | "item" | "field";
type Errors = readonly FieldError[];

/**
 * What keeps a schema from being structural: its types stand outside of alternatives, metadata is as it always is, and what
 * alternatives speak of has been declared.
 *
 * @param path of the schema, e.g. `spec.versions[0].schema.openAPIV3Schema`
 * @see Kubernetes, "Specifying a structural schema"
 */
export function structuralErrors(schema: JsonSchema, path: string): Errors {
  return [...shapeErrors(schema, "root", path), ...undeclaredErrors(schema, path)].sort((a, b) =>
    byBytes(`${a.field}: ${a.message}`, `${b.field}: ${b.message}`),
  );
}

const empty: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

function shapeErrors(schema: JsonSchema, level: Level, path: string): Errors {
  const items = itemsOf(schema);
  const { properties = {}, additionalProperties } = schema;
  return [
    ...(schema.type === "array" && items === undefined
      ? [required(`${path}.items`, "must be specified")]
      : []),
    ...(items === undefined ? [] : shapeErrors(items, "item", `${path}.items`)),
    ...Object.entries(properties).flatMap(([name, member]) =>
      shapeErrors(member, "field", `${path}.properties[${name}]`),
    ),
    ...(additionalProperties !== undefined && additionalProperties !== false && level === "root"
      ? [forbidden(`${path}.additionalProperties`, "must not be used at the root")]
      : []),
    ...(typeof additionalProperties === "object"
      ? shapeErrors(additionalProperties, "field", `${path}.additionalProperties`)
      : []),
    ...extensionErrors(schema, path),
    ...validationErrors(schema, path, isIntOrStringAnyOf(schema), isIntOrStringAllOf(schema)),
    ...typeErrors(schema, level, path),
    ...metaErrors(schema, level, path),
  ];
}

function extensionErrors(schema: JsonSchema, path: string): Errors {
  if (schema["x-kubernetes-int-or-string"] !== true) return [];
  return (["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"] as const).flatMap(
    (field) =>
      schema[field] === true
        ? [invalid(`${path}.${field}`, true, "must be false if x-kubernetes-int-or-string is true")]
        : [],
  );
}

function typeErrors(schema: JsonSchema, level: Level, path: string): Errors {
  const type = schema.type ?? "";
  const field = `${path}.type`;
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const isFree =
    schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const errors: FieldError[] = [];
  if (isEmbedded && type !== "object") {
    const detail = "must be object if x-kubernetes-embedded-resource is true";
    errors.push(type === "" ? required(field, detail) : invalid(field, type, detail));
  } else if (type === "" && !isFree) errors.push(required(field, empty[level]));
  if (isEmbedded && schema.additionalProperties !== undefined)
    errors.push(
      forbidden(`${path}.additionalProperties`, "must not be used if x-kubernetes-embedded-resource is set"),
    );
  if (level === "root" && type !== "" && type !== "object")
    errors.push(invalid(field, type, "must be object at the root"));
  return errors;
}

function metaErrors(schema: JsonSchema, level: Level, path: string): Errors {
  const { properties = {} } = schema;
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const isChecked = level === "root" || isEmbedded;
  const errors: FieldError[] = [];
  for (const name of ["kind", "apiVersion"]) {
    const own = properties[name];
    if (isChecked && own !== undefined && own.type !== "string")
      errors.push(invalid(`${path}.properties[${name}].type`, own.type ?? "", "must be string"));
  }
  const { metadata } = properties;
  if (metadata !== undefined)
    errors.push(...metadataErrors(metadata, isChecked, level, `${path}.properties[metadata]`));
  const isFree = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (isEmbedded && !isFree && Object.keys(properties).length === 0)
    errors.push(
      required(
        `${path}.properties`,
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
      ),
    );
  return errors;
}

function metadataErrors(metadata: JsonSchema, isChecked: boolean, level: Level, path: string): Errors {
  const errors: FieldError[] = [];
  if (isChecked && metadata.type !== "object")
    errors.push(invalid(`${path}.type`, metadata.type ?? "", "must be object"));
  if (level !== "root") return errors;
  const { type: _type, default: _default, properties = {}, ...rest } = metadata;
  const others = Object.keys(properties).filter((name) => name !== "name" && name !== "generateName");
  if (others.length > 0 || Object.keys(rest).length > 0)
    errors.push(
      forbidden(
        path,
        "must not specify anything other than name and generateName, but metadata is implicitly specified",
      ),
    );
  return errors;
}

const intOrString = [{ type: "integer" }, { type: "string" }];

function isIntOrStringAnyOf({ anyOf }: JsonSchema): boolean {
  return isSameJson(anyOf ?? null, intOrString);
}

function isIntOrStringAllOf({ allOf }: JsonSchema): boolean {
  return isSameJson(allOf?.[0]?.anyOf ?? null, intOrString);
}

function validationErrors(
  schema: JsonSchema,
  path: string,
  skipsAnyOf: boolean,
  skipsAllOf: boolean,
): Errors {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  const wrong = pattern === undefined || pattern === "" ? undefined : compilePattern(pattern);
  return [
    ...(skipsAnyOf ? [] : anyOf.flatMap((each, at) => nestedErrors(each, `${path}.anyOf[${at}]`, false))),
    ...allOf.flatMap((each, at) => nestedErrors(each, `${path}.allOf[${at}]`, skipsAllOf && at === 0)),
    ...oneOf.flatMap((each, at) => nestedErrors(each, `${path}.oneOf[${at}]`, false)),
    ...(not === undefined ? [] : nestedErrors(not, `${path}.not`, false)),
    ...(wrong !== undefined && "error" in wrong
      ? [invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${wrong.error}`)]
      : []),
  ];
}

/** What may not stand in an alternative, by its name, and how it must be instead. */
const refused: readonly (readonly [keyof JsonSchema, string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

function nestedErrors(schema: JsonSchema, path: string, skipsAnyOf: boolean): Errors {
  const items = itemsOf(schema);
  return [
    ...validationErrors(schema, path, skipsAnyOf, false),
    ...(items === undefined ? [] : nestedErrors(items, `${path}.items`, false)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
      nestedErrors(member, `${path}.properties[${name}]`, false),
    ),
    ...refused.flatMap(([field, detail]) =>
      isSet(schema[field]) ? [forbidden(`${path}.${field}`, detail)] : [],
    ),
    ...(schema.properties?.["metadata"] === undefined
      ? []
      : [forbidden(`${path}.properties[metadata]`, "must not be specified in a nested context")]),
  ];
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== "" && value !== false;
}

/** Fields of alternatives that nothing outside of them declares. */
function undeclaredErrors(schema: JsonSchema, path: string): Errors {
  const { anyOf = [], allOf = [], oneOf = [], not, properties = {}, additionalProperties } = schema;
  const items = itemsOf(schema);
  const nested = [
    ...anyOf.map((each, at) => [each, `${path}.anyOf[${at}]`] as const),
    ...allOf.map((each, at) => [each, `${path}.allOf[${at}]`] as const),
    ...oneOf.map((each, at) => [each, `${path}.oneOf[${at}]`] as const),
    ...(not === undefined ? [] : [[not, `${path}.not`] as const]),
  ];
  return [
    ...nested.flatMap(([each, where]) => missingErrors(each, schema, path, where)),
    ...Object.entries(properties).flatMap(([name, each]) =>
      undeclaredErrors(each, `${path}.properties[${name}]`),
    ),
    ...(typeof additionalProperties === "object"
      ? undeclaredErrors(additionalProperties, `${path}.additionalProperties`)
      : []),
    ...(items === undefined ? [] : undeclaredErrors(items, `${path}.items`)),
  ];
}

function missingErrors(
  nested: JsonSchema,
  schema: JsonSchema | undefined,
  path: string,
  where: string,
): Errors {
  const items = itemsOf(nested);
  const because = `because it is defined in ${where}`;
  const { anyOf = [], allOf = [], oneOf = [], not } = nested;
  return [
    ...Object.keys(nested.properties ?? {}).flatMap((name) => {
      const own = `${path}.properties[${name}]`;
      const declared = memberOf(schema, name);
      const text = `${because}.properties[${name}]`;
      return declared === undefined
        ? [required(own, text)]
        : missingErrors(nested.properties?.[name] ?? {}, declared, own, `${where}.properties[${name}]`);
    }),
    ...(items !== undefined && itemsOf(schema) === undefined
      ? [required(`${path}.items`, `${because}.items`)]
      : []),
    ...(items === undefined ? [] : missingErrors(items, itemsOf(schema), `${path}.items`, `${where}.items`)),
    ...[...anyOf, ...allOf, ...oneOf, ...(not === undefined ? [] : [not])].flatMap((each) =>
      missingErrors(each, schema, path, where),
    ),
  ];
}
