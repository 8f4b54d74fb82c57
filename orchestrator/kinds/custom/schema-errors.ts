import { forbidden, invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import { compileErrors } from "./cel-rules.ts";
import { type CelRule, itemsOf, type JsonSchema } from "./definition.ts";
import { setDefaults } from "./set-defaults.ts";
import { listErrors, valueErrors } from "./check-value.ts";
import { structuralErrors } from "./structural-errors.ts";

type Errors = readonly FieldError[];

interface Place {
  readonly isRoot: boolean;
  /** Within what is metadata everywhere. */
  readonly isMeta: boolean;
  /** Why no default may stand there. */
  readonly noDefaults?: string;
}

const types = ["array", "boolean", "integer", "number", "object", "string"];
const metaFields = ["metadata", "kind", "apiVersion"];
const rootFields = [
  "description",
  "type",
  "format",
  "title",
  "maximum",
  "exclusiveMaximum",
  "minimum",
  "exclusiveMinimum",
  "maxLength",
  "minLength",
  "pattern",
  "maxItems",
  "minItems",
  "uniqueItems",
  "multipleOf",
  "required",
  "items",
  "properties",
  "externalDocs",
  "example",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
  "x-kubernetes-map-type",
];

/** What is wrong with the schema of a version, in the words of the API. @param path of the schema itself */
export function definitionSchemaErrors(schema: JsonSchema, hasStatus: boolean, path: string): Errors {
  const structural = structuralErrors(schema, path);
  const defaults = structural.length > 0 ? [] : defaultErrors(schema, path, { isRoot: true, isMeta: false });
  return [
    ...(hasStatus ? rootErrors(schema, path) : []),
    ...(schema.nullable === true
      ? [forbidden(`${path}.nullable`, "nullable cannot be true at the root")]
      : []),
    ...structural,
    ...defaults,
    ...nodeErrors(schema, path, { isRoot: true, isMeta: false }),
  ];
}

/** With a subresource for it, the schema of the status must be told apart from the rest. */
function rootErrors(schema: JsonSchema, path: string): Errors {
  if (schema.type !== undefined && schema.type !== "object")
    return [
      invalid(
        `${path}.type`,
        schema.type,
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
      ),
    ];
  const other = Object.keys(schema).find((field) => !rootFields.includes(field));
  const names =
    "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";
  return other === undefined
    ? []
    : [
        invalid(
          path,
          schema,
          `only ${names} fields are allowed at the root of the schema if the status subresource is enabled`,
        ),
      ];
}

/** Defaults must be what the schema allows, and hold nothing that would be pruned. */
function defaultErrors(schema: JsonSchema, path: string, place: Place): Errors {
  const items = itemsOf(schema);
  const { properties = {}, additionalProperties } = schema;
  return [
    ...(schema.default === undefined || place.isRoot ? [] : oneDefaultErrors(schema, `${path}.default`)),
    ...Object.entries(properties).flatMap(([name, member]) =>
      defaultErrors(member, `${path}.properties[${name}]`, { ...place, isRoot: false }),
    ),
    ...(typeof additionalProperties === "object"
      ? defaultErrors(additionalProperties, `${path}.additionalProperties`, { ...place, isRoot: false })
      : []),
    ...(items === undefined ? [] : defaultErrors(items, `${path}.items`, { ...place, isRoot: false })),
  ];
}

function oneDefaultErrors(schema: JsonSchema, path: string): Errors {
  const value = structuredClone(schema.default);
  setDefaults(schema, value);
  return [...valueErrors(schema, value, path), ...listErrors(schema, value, path)];
}

function nodeErrors(schema: JsonSchema, path: string, place: Place): Errors {
  return [
    ...standardErrors(schema, path, place),
    ...(schema.uniqueItems === true
      ? [
          forbidden(
            `${path}.uniqueItems`,
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
          ),
        ]
      : []),
    ...childErrors(schema, path, place),
    ...mapErrors(schema, path),
    ...listTypeErrors(schema, path),
    ...listKeyErrors(schema, path),
    ...(schema["x-kubernetes-validations"] ?? []).flatMap((rule, at) =>
      ruleErrors(rule, `${path}.x-kubernetes-validations[${at}]`),
    ),
  ];
}

function childErrors(schema: JsonSchema, path: string, place: Place): Errors {
  const { properties = {}, additionalProperties, anyOf = [], allOf = [], oneOf = [], not } = schema;
  const items = itemsOf(schema);
  const inner: Place = { ...place, isRoot: false };
  const isMap = typeof additionalProperties === "object";
  return [
    ...((isMap || additionalProperties === false) && Object.keys(properties).length > 0
      ? [
          forbidden(
            `${path}.additionalProperties`,
            "additionalProperties and properties are mutual exclusive",
          ),
        ]
      : []),
    ...(isMap
      ? nodeErrors(additionalProperties, `${path}.additionalProperties`, {
          ...inner,
          ...(place.isMeta && { noDefaults: "inside additionalProperties applying to object metadata" }),
        })
      : []),
    ...Object.entries(properties).flatMap(([name, member]) =>
      nodeErrors(member, `${path}.properties[${name}]`, placeOf(schema, name, place)),
    ),
    ...(not === undefined ? [] : nodeErrors(not, `${path}.not`, inner)),
    ...allOf.flatMap((each, at) => nodeErrors(each, `${path}.allOf[${at}]`, inner)),
    ...oneOf.flatMap((each, at) => nodeErrors(each, `${path}.oneOf[${at}]`, inner)),
    ...anyOf.flatMap((each, at) => nodeErrors(each, `${path}.anyOf[${at}]`, inner)),
    ...(items === undefined ? [] : nodeErrors(items, `${path}.items`, inner)),
  ];
}

function placeOf(schema: JsonSchema, name: string, place: Place): Place {
  const isMeta =
    (place.isRoot || schema["x-kubernetes-embedded-resource"] === true) && metaFields.includes(name);
  return {
    isRoot: false,
    isMeta: place.isMeta || isMeta,
    ...(place.noDefaults !== undefined && { noDefaults: place.noDefaults }),
    ...(isMeta && place.isRoot && { noDefaults: `in top-level ${name}` }),
  };
}

/** Parts of JSON schema that the API does not take. */
const unsupported = [
  "id",
  "additionalItems",
  "patternProperties",
  "definitions",
  "dependencies",
  "$ref",
] as const;

function standardErrors(schema: JsonSchema, path: string, place: Place): Errors {
  const all = schema as Readonly<Record<string, unknown>>;
  const { type } = schema;
  return [
    ...(type !== undefined && type !== "" && !types.includes(type)
      ? [notSupported(`${path}.type`, type, types)]
      : []),
    ...(schema.default !== undefined && place.noDefaults !== undefined
      ? [forbidden(`${path}.default`, `must not be set ${place.noDefaults}`)]
      : []),
    ...unsupported.flatMap((field) =>
      all[field] === undefined ? [] : [forbidden(`${path}.${field}`, `${field} is not supported`)],
    ),
    ...(type === "null"
      ? [forbidden(`${path}.type`, "type cannot be set to null, use nullable as an alternative")]
      : []),
    ...(Array.isArray(schema.items)
      ? [forbidden(`${path}.items`, "items must be a schema object and not an array")]
      : []),
    ...(place.isMeta && schema["x-kubernetes-embedded-resource"] === true
      ? [forbidden(`${path}.x-kubernetes-embedded-resource`, "must not be used inside of resource meta")]
      : []),
  ];
}

function mapErrors(schema: JsonSchema, path: string): Errors {
  const mapType = schema["x-kubernetes-map-type"];
  const type = schema.type ?? "";
  const field = `${path}.type`;
  const detail = "must be object if x-kubernetes-map-type is specified";
  return [
    ...(schema["x-kubernetes-preserve-unknown-fields"] === false
      ? [invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined")]
      : []),
    ...(mapType !== undefined && type !== "object"
      ? [type === "" ? required(field, detail) : invalid(field, type, detail)]
      : []),
    ...(mapType !== undefined && mapType !== "atomic" && mapType !== "granular"
      ? [notSupported(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"])]
      : []),
  ];
}

function listTypeErrors(schema: JsonSchema, path: string): Errors {
  const listType = schema["x-kubernetes-list-type"];
  if (listType === undefined) return [];
  const type = schema.type ?? "";
  const items = itemsOf(schema);
  const detail = "must be array if x-kubernetes-list-type is specified";
  const notAtomic = "must be atomic as item of a list with x-kubernetes-list-type=set";
  const errors: FieldError[] = [];
  if (type !== "array")
    errors.push(type === "" ? required(`${path}.type`, detail) : invalid(`${path}.type`, type, detail));
  else if (
    listType === "set" &&
    items?.type === "array" &&
    (items["x-kubernetes-list-type"] ?? "atomic") !== "atomic"
  )
    errors.push(invalid(`${path}.items.x-kubernetes-list-type`, items["x-kubernetes-list-type"], notAtomic));
  else if (listType === "set" && items?.type === "object" && items["x-kubernetes-map-type"] !== "atomic")
    errors.push(
      invalid(`${path}.items.x-kubernetes-map-type`, items["x-kubernetes-list-type"] ?? null, notAtomic),
    );
  if (!["atomic", "set", "map"].includes(listType))
    errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ["atomic", "set", "map"]));
  if ((listType === "set" || listType === "map") && items?.nullable === true)
    errors.push(
      forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    );
  return errors;
}

function listKeyErrors(schema: JsonSchema, path: string): Errors {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const field = `${path}.x-kubernetes-list-map-keys`;
  const errors: FieldError[] = [];
  if (keys.length > 0 && listType !== "map") {
    const detail = "must be map if x-kubernetes-list-map-keys is non-empty";
    const where = `${path}.x-kubernetes-list-type`;
    errors.push(listType === undefined ? required(where, detail) : invalid(where, listType, detail));
  }
  if (listType !== "map") return errors;
  if (keys.length === 0) errors.push(required(field, "must not be empty if x-kubernetes-list-type is map"));
  const items = itemsOf(schema);
  if (items === undefined) {
    errors.push(required(`${path}.items`, "must have a schema if x-kubernetes-list-type is map"));
    return errors;
  }
  if (items.type !== "object")
    errors.push(
      invalid(
        `${path}.items.type`,
        items.type ?? "",
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
  return [...errors, ...keys.flatMap((key, at) => keyErrors(items, keys, key, at, path))];
}

function keyErrors(
  items: JsonSchema,
  keys: readonly string[],
  key: string,
  at: number,
  path: string,
): Errors {
  const field = `${path}.x-kubernetes-list-map-keys`;
  const own = items.properties?.[key];
  const where = `${path}.items.properties[${key}]`;
  const errors: FieldError[] = [];
  if (own === undefined) errors.push(invalid(field, keys, "entries must all be names of item properties"));
  if (own?.type === "array" || own?.type === "object")
    errors.push(
      invalid(
        `${where}.type`,
        items.type ?? "",
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      ),
    );
  if (keys.indexOf(key) < at) errors.push(invalid(field, keys, "must not contain duplicate entries"));
  if (own === undefined) return errors;
  if (items.required?.includes(key) !== true && own.default === undefined)
    errors.push(
      required(
        `${where}.default`,
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
      ),
    );
  if (own.nullable === true)
    errors.push(
      forbidden(
        `${where}.nullable`,
        "this property is in x-kubernetes-list-map-keys, so it cannot be nullable",
      ),
    );
  return errors;
}

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

function ruleErrors(rule: CelRule, path: string): Errors {
  const errors: FieldError[] = [];
  const text = (rule.rule ?? "").trim();
  const message = (rule.message ?? "").trim();
  if (text === "") errors.push(required(`${path}.rule`, "rule is not specified"));
  else if ((rule.message ?? "") !== "" && message === "")
    errors.push(invalid(`${path}.message`, rule.message, "must be non-empty if specified"));
  else if (/[\n\r]/.test(message))
    errors.push(invalid(`${path}.message`, rule.message, "must not contain line breaks"));
  else if (/[\n\r]/.test(text) && message === "")
    errors.push(required(`${path}.message`, "message must be specified if rule contains line breaks"));
  if ((rule.messageExpression ?? "") !== "" && rule.messageExpression?.trim() === "")
    errors.push(required(`${path}.messageExpression`, "messageExpression must be non-empty if specified"));
  if (rule.reason !== undefined && !reasons.includes(rule.reason))
    errors.push(notSupported(`${path}.reason`, rule.reason, reasons));
  if ((rule.fieldPath ?? "") !== "" && rule.fieldPath?.trim() === "")
    errors.push(invalid(`${path}.fieldPath`, rule.fieldPath, "must be non-empty if specified"));
  if (/[\n\r]/.test(rule.fieldPath ?? ""))
    errors.push(invalid(`${path}.fieldPath`, rule.fieldPath, "must not contain line breaks"));
  return errors.length > 0 ? errors : compileErrors(rule, path);
}
