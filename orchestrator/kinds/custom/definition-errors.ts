import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooMany,
} from "#orchestrator/machinery/field-error.ts";
import { label1035Complaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import {
  type CustomColumn,
  type CustomDefinition,
  type CustomNames,
  type CustomSpec,
  type CustomVersion,
  isTrue,
  itemsOf,
  type JsonSchema,
} from "./definition.ts";
import { definitionSchemaErrors } from "./schema-errors.ts";

type Errors = readonly FieldError[];

/** What is wrong with a new definition, in the words of the API. */
export function definitionErrors(definition: CustomDefinition): Errors {
  const { metadata, spec, status } = definition;
  const wanted = `${spec.names?.plural ?? ""}.${spec.group}`;
  return [
    ...(metadata.name === wanted
      ? []
      : [invalid("metadata.name", metadata.name ?? "", 'must be spec.names.plural+"."+spec.group')]),
    ...specErrors(spec, "spec"),
    ...namesErrors(status?.acceptedNames ?? {}, "status.acceptedNames"),
    ...storedErrors(status?.storedVersions ?? [], spec.versions ?? [], "status.storedVersions"),
    ...approvalErrors(definition),
    ...(spec.preserveUnknownFields === true
      ? [
          invalid(
            "spec.preserveUnknownFields",
            true,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
          ),
        ]
      : []),
  ];
}

/** The same for a change of one. */
export function definitionUpdateErrors(next: CustomDefinition, old: CustomDefinition): Errors {
  const fixed: readonly (readonly [string, unknown, unknown])[] = [
    ...(isTrue(old, "Established")
      ? ([
          ["spec.scope", next.spec.scope, old.spec.scope],
          ["spec.names.kind", next.spec.names.kind, old.spec.names.kind],
        ] as const)
      : []),
    ["spec.group", next.spec.group, old.spec.group],
    ["spec.names.plural", next.spec.names.plural, old.spec.names.plural],
  ];
  return [
    ...specErrors(next.spec, "spec"),
    ...fixed.flatMap(([field, now, before]) =>
      now === before ? [] : [invalid(field, now ?? "", "field is immutable")],
    ),
    ...namesErrors(next.status?.acceptedNames ?? {}, "status.acceptedNames"),
    ...storedErrors(next.status?.storedVersions ?? [], next.spec.versions, "status.storedVersions"),
  ];
}

function specErrors(spec: CustomSpec, path: string): Errors {
  const { group, scope } = spec;
  const versions = (spec.versions as readonly CustomVersion[] | undefined) ?? [];
  const stored = versions.filter(({ storage }) => storage).length;
  return [
    ...groupErrors(group, `${path}.group`),
    ...enumErrors(scope, ["Cluster", "Namespaced"], `${path}.scope`),
    ...versions.flatMap(({ schema }, at) =>
      schema?.openAPIV3Schema === undefined
        ? [required(`${path}.versions[${at}].schema.openAPIV3Schema`)]
        : [],
    ),
    ...versions.flatMap((version, at) => versionErrors(version, `${path}.versions[${at}]`)),
    ...(new Set(versions.map(({ name }) => name)).size === versions.length
      ? []
      : [invalid(`${path}.versions`, versions, "must contain unique version names")]),
    ...(stored === 1
      ? []
      : [invalid(`${path}.versions`, versions, "must have exactly one version marked as storage version")]),
    ...(["plural", "singular", "kind", "listKind"] as const).flatMap((field) =>
      (spec.names?.[field] ?? "") === "" ? [required(`${path}.names.${field}`)] : [],
    ),
    ...namesErrors(spec.names ?? {}, `${path}.names`),
    ...conversionErrors(spec, `${path}.conversion`),
  ];
}

function groupErrors(group: string, field: string): Errors {
  if (group === "") return [required(field)];
  const complaints = subdomainComplaints(group);
  if (complaints.length > 0) return [invalid(field, group, complaints.join(","))];
  return group.includes(".") ? [] : [invalid(field, group, "should be a domain with at least one dot")];
}

function enumErrors(value: string | undefined, accepted: readonly string[], field: string): Errors {
  if ((value ?? "") === "") return [required(field)];
  return accepted.includes(value ?? "") ? [] : [notSupported(field, value, accepted)];
}

function labelErrors(text: string, field: string, shown = text, prefix = ""): Errors {
  const complaints = text === "" ? [] : label1035Complaints(text);
  return complaints.length === 0 ? [] : [invalid(field, shown, prefix + complaints.join(","))];
}

function namesErrors(names: Partial<CustomNames>, path: string): Errors {
  const { plural = "", singular = "", kind = "", listKind = "", shortNames = [], categories = [] } = names;
  const mixed = "may have mixed case, but should otherwise match: ";
  return [
    ...labelErrors(plural, `${path}.plural`),
    ...labelErrors(singular, `${path}.singular`),
    ...labelErrors(kind.toLowerCase(), `${path}.kind`, kind, mixed),
    ...labelErrors(listKind.toLowerCase(), `${path}.listKind`, listKind, mixed),
    ...shortNames.flatMap((name, at) => labelErrors(name, `${path}.shortNames[${at}]`)),
    ...(kind !== "" && kind === listKind
      ? [invalid(`${path}.listKind`, listKind, "kind and listKind may not be the same")]
      : []),
    ...categories.flatMap((name, at) => labelErrors(name, `${path}.categories[${at}]`)),
  ];
}

function versionErrors(version: CustomVersion, path: string): Errors {
  const {
    name,
    schema,
    subresources,
    additionalPrinterColumns = [],
    deprecated,
    deprecationWarning,
  } = version;
  const complaints = label1035Complaints(name ?? "");
  const hasStatus = subresources?.status !== undefined;
  return [
    ...(complaints.length > 0 ? [invalid(`${path}.name`, name ?? "", complaints.join(","))] : []),
    ...(deprecated !== true && deprecationWarning !== undefined
      ? [invalid(`${path}.deprecationWarning`, deprecationWarning, "can only be set for deprecated versions")]
      : []),
    ...(schema?.openAPIV3Schema === undefined
      ? []
      : definitionSchemaErrors(schema.openAPIV3Schema, hasStatus, `${path}.schema.openAPIV3Schema`)),
    ...scaleErrors(version, `${path}.subresources.scale`),
    ...additionalPrinterColumns.flatMap((column, at) =>
      columnErrors(column, `${path}.additionalPrinterColumns[${at}]`),
    ),
    ...selectableErrors(version, `${path}.selectableFields`),
  ];
}

function scaleErrors({ subresources }: CustomVersion, path: string): Errors {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  return [
    ...placeErrors(
      scale.specReplicasPath,
      [".spec."],
      "should be a json path under .spec",
      `${path}.specReplicasPath`,
    ),
    ...placeErrors(
      scale.statusReplicasPath,
      [".status."],
      "should be a json path under .status",
      `${path}.statusReplicasPath`,
    ),
    ...((scale.labelSelectorPath ?? "") === ""
      ? []
      : placeErrors(
          scale.labelSelectorPath,
          [".spec.", ".status."],
          "should be a json path under either .spec or .status",
          `${path}.labelSelectorPath`,
        )),
  ];
}

function placeErrors(
  text: string | undefined,
  roots: readonly string[],
  detail: string,
  field: string,
): Errors {
  if (text === undefined || text === "") return [required(field)];
  if (!text.startsWith(".")) return [invalid(field, text, "must be a simple json path starting with .")];
  return roots.some((root) => text.startsWith(root)) ? [] : [invalid(field, text, detail)];
}

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

function columnErrors(column: CustomColumn, path: string): Errors {
  const { name, type, format = "", jsonPath } = column;
  return [
    ...(name === "" ? [required(`${path}.name`)] : []),
    ...(type === ""
      ? [required(`${path}.type`, `must be one of ${columnTypes.join(",")}`)]
      : columnTypes.includes(type)
        ? []
        : [invalid(`${path}.type`, type, `must be one of ${columnTypes.join(",")}`)]),
    ...(format !== "" && !columnFormats.includes(format)
      ? [invalid(`${path}.format`, format, `must be one of ${columnFormats.join(",")}`)]
      : []),
    ...(jsonPath === ""
      ? [required(`${path}.JSONPath`)]
      : jsonPath.startsWith(".")
        ? []
        : [invalid(`${path}.JSONPath`, jsonPath, "must be a simple json path starting with .")]),
  ];
}

const mostSelectable = 8;

function selectableErrors({ selectableFields = [], schema }: CustomVersion, path: string): Errors {
  const seen = new Set<string>();
  const errors = selectableFields.flatMap(({ jsonPath }, at): Errors => {
    const field = `${path}[${at}].jsonPath`;
    if (jsonPath === "") return [required(field)];
    const found = schemaAt(schema?.openAPIV3Schema, jsonPath);
    if (typeof found === "string") return [invalid(field, jsonPath, `is an invalid path: ${found}`)];
    const isMeta = jsonPath.startsWith(".metadata");
    const isScalar = ["string", "boolean", "integer"].includes(found.type ?? "");
    const isRepeated = seen.has(jsonPath);
    seen.add(jsonPath);
    return [
      ...(isMeta ? [invalid(field, jsonPath, "must not point to fields in metadata")] : []),
      ...(isScalar
        ? []
        : [
            invalid(
              field,
              jsonPath,
              "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
            ),
          ]),
      ...(isRepeated ? [duplicate(field, jsonPath)] : []),
    ];
  });
  return seen.size > mostSelectable ? [...errors, tooMany(path, seen.size, mostSelectable)] : errors;
}

/** The schema at a path of fields, or why there is none. */
function schemaAt(schema: JsonSchema | undefined, path: string): JsonSchema | string {
  let at = schema;
  for (const name of path.split(".").slice(1)) {
    const next: JsonSchema | undefined = at?.properties?.[name];
    if (next === undefined) return `does not refer to a valid field`;
    at = itemsOf(next) === undefined ? next : { type: "array" };
  }
  return at ?? "does not refer to a valid field";
}

function conversionErrors({ conversion }: CustomSpec, path: string): Errors {
  if (conversion === undefined) return [];
  const { strategy, webhook } = conversion;
  const client = webhook?.clientConfig;
  const versions = webhook?.conversionReviewVersions ?? [];
  const errors: FieldError[] = [...enumErrors(strategy, ["None", "Webhook"], `${path}.strategy`)];
  if (strategy !== "Webhook") {
    if (client !== undefined)
      errors.push(
        forbidden(`${path}.webhookClientConfig`, "should not be set when strategy is not set to Webhook"),
      );
    if (versions.length > 0)
      errors.push(
        forbidden(
          `${path}.conversionReviewVersions`,
          "should not be set when strategy is not set to Webhook",
        ),
      );
    return errors;
  }
  if (client === undefined)
    errors.push(required(`${path}.webhookClientConfig`, "required when strategy is set to Webhook"));
  else if ((client.url === undefined) === (client.service === undefined))
    errors.push(required(`${path}.webhookClientConfig`, "exactly one of url or service is required"));
  if (versions.length === 0) errors.push(required(`${path}.conversionReviewVersions`));
  else if (!versions.includes("v1") && !versions.includes("v1beta1"))
    errors.push(
      invalid(`${path}.conversionReviewVersions`, versions, "must include at least one of v1, v1beta1"),
    );
  return errors;
}

function storedErrors(stored: readonly string[], versions: readonly CustomVersion[], field: string): Errors {
  if (stored.length === 0) return [invalid(field, stored, "must have at least one stored version")];
  const names = versions.map(({ name }) => name);
  const missing = versions.filter(({ storage, name }) => storage && !stored.includes(name));
  return [
    ...missing.map(({ name }) => invalid(field, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, at) =>
      names.includes(name)
        ? []
        : [
            invalid(
              `${field}[${at}]`,
              name,
              `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
            ),
          ],
    ),
  ];
}

const approval = "api-approved.kubernetes.io";

/** Groups of the project's own domains need somebody's approval. */
function approvalErrors({ metadata, spec }: CustomDefinition): Errors {
  const isOwn = /(^|\.)(k8s|kubernetes)\.io$/.test(spec.group);
  if (!isOwn) return [];
  const value = metadata.annotations?.[approval] ?? "";
  const field = `metadata.annotations[${approval}]`;
  if (value === "")
    return [
      required(
        field,
        'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
      ),
    ];
  if (value.startsWith("unapproved") || URL.canParse(value)) return [];
  return [
    invalid(
      field,
      value,
      'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
    ),
  ];
}
