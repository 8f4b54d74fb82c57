import { invalid } from "#orchestrator/machinery/field-error.ts";
import { goQuote } from "#orchestrator/machinery/go-text.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { qualifiedNameComplaints } from "#orchestrator/machinery/names.ts";
import { objectMetaErrors } from "#orchestrator/machinery/object-meta.ts";
import type { ObjectMeta } from "#api/kube/meta.ts";
import type { Draft, FieldError, ScaleView, Strategy } from "#orchestrator/machinery/resource.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { FieldTypes } from "#orchestrator/machinery/apply/ownership.ts";
import { listErrors, valueErrors } from "./check-value.ts";
import { customColumns } from "./custom-columns.ts";
import {
  type CustomDefinition,
  type CustomScale,
  type CustomVersion,
  itemsOf,
  type JsonSchema,
  memberOf,
} from "./definition.ts";
import { findJsonPath, textOf, valuesAt } from "#orchestrator/machinery/json-path.ts";
import { prune } from "./prune.ts";
import { setDefaults } from "./set-defaults.ts";

type Errors = readonly FieldError[];

/** Checks the rules of a schema that are written as expressions. */
export interface RuleChecker {
  /** @param old absent for what is new */
  check(schema: JsonSchema, object: Draft, old: Draft | undefined): Errors;
}

/** How one version of a custom kind behaves. @param rules absent where no schema has any */
export function customStrategy(
  definition: CustomDefinition,
  version: CustomVersion,
  types: FieldTypes,
  rules: RuleChecker | undefined,
): Strategy {
  const schema = version.schema?.openAPIV3Schema ?? {};
  const hasStatus = version.subresources?.status !== undefined;
  const scale = version.subresources?.scale;
  const check = (object: Draft, old?: Draft) => objectErrors(schema, object, old, rules);
  return {
    needsResourceVersion: true,
    default: (object) => setDefaults(schema, object),
    prune: (object) => prune(schema, object),
    prepareForCreate(object) {
      if (hasStatus) delete object["status"];
      metadataOf(object)["generation"] = 1;
    },
    prepareForUpdate: (next, old) => prepareForUpdate(next, old, hasStatus),
    validate: (object) => check(object),
    validateUpdate: (next, old) => unratcheted(check(next, old), () => check(old), next, old),
    validateStatusUpdate: (next, old) =>
      unratcheted(
        statusErrors(schema, next, old, rules),
        () => statusErrors(schema, old, undefined, rules),
        next,
        old,
      ),
    warnings: (object) => [...deprecations(definition, version), ...finalizerWarnings(object)],
    columns: customColumns(version.additionalPrinterColumns),
    fieldTypes: types,
    ...(version.selectableFields !== undefined && {
      selectableFields: selectableOf(version.selectableFields),
    }),
    ...(scale !== undefined && { scale: scaleOf(scale) }),
  };
}

function metadataOf(object: Draft): Draft {
  if (!isObject(object["metadata"])) object["metadata"] = {};
  return object["metadata"] as Draft;
}

function prepareForUpdate(next: Draft, old: Draft, hasStatus: boolean): void {
  if (hasStatus && old["status"] !== undefined) next["status"] = structuredClone(old["status"]);
  else if (hasStatus) delete next["status"];
  const [{ metadata: _next, ...own }, { metadata: _old, ...before }] = [next, old];
  if (isSameJson(own, before)) return;
  const { generation = 0 } = metadataOf(old) as { generation?: number };
  metadataOf(next)["generation"] = generation + 1;
}

function objectErrors(
  schema: JsonSchema,
  object: Draft,
  old: Draft | undefined,
  rules: RuleChecker | undefined,
): Errors {
  const errors = [
    ...valueErrors(schema, object),
    ...embeddedErrors(schema, object, ""),
    ...listErrors(schema, object),
  ];
  if (rules === undefined) return errors;
  return [...errors, ...ruleErrors(errors, () => rules.check(schema, object, old))];
}

function statusErrors(
  schema: JsonSchema,
  object: Draft,
  old: Draft | undefined,
  rules: RuleChecker | undefined,
): Errors {
  const status = schema.properties?.["status"];
  if (status === undefined || object["status"] === undefined) return [];
  const errors = [
    ...valueErrors(status, object["status"], "status"),
    ...listErrors(status, object["status"], "status"),
  ];
  if (rules === undefined) return errors;
  const own: JsonSchema = { type: "object", properties: { status } };
  return [...errors, ...ruleErrors(errors, () => rules.check(own, object, old))];
}

const blocking = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

/** Rules are not asked about what is of another type than they expect. */
function ruleErrors(errors: Errors, check: () => Errors): Errors {
  if (!errors.some(({ reason }) => blocking.has(reason))) return check();
  const text =
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
  return [invalid("<nil>", null, text)];
}

/** What is wrong with a change: not what was wrong before, and has not been touched. */
function unratcheted(errors: Errors, before: () => Errors, next: Draft, old: Draft): Errors {
  if (errors.length === 0) return errors;
  const known = new Set(before().map(({ field, message }) => `${field}: ${message}`));
  return errors.filter(
    (error) => !known.has(`${error.field}: ${error.message}`) || !isUntouched(error, next, old),
  );
}

function isUntouched({ field, reason }: FieldError, next: Draft, old: Draft): boolean {
  const path = reason === "FieldValueRequired" ? field.replace(/\.?[^.]*$/, "") : field;
  return isSameJson(at(next, path) ?? null, at(old, path) ?? null);
}

function at(object: Draft, field: string): unknown {
  if (field === "<nil>") return object;
  const path = findJsonPath(field === "" ? "" : `.${field}`);
  return path === undefined ? object : valuesAt(path, object)[0];
}

/** Of objects within the object: each has a type and valid metadata. */
function embeddedErrors(schema: JsonSchema | undefined, value: unknown, path: string): Errors {
  if (schema === undefined) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => embeddedErrors(itemsOf(schema), item, `${path}[${index}]`));
  if (!isObject(value)) return [];
  const own =
    schema["x-kubernetes-embedded-resource"] === true && path !== "" ? oneEmbeddedErrors(value, path) : [];
  const within = Object.entries(value).flatMap(([name, member]) =>
    embeddedErrors(memberOf(schema, name), member, path === "" ? name : `${path}.${name}`),
  );
  return [...own, ...within];
}

function oneEmbeddedErrors(object: Draft, path: string): Errors {
  const missing = (["apiVersion", "kind"] as const).flatMap((field): Errors => {
    const value = object[field];
    if (typeof value === "string" && value !== "") return [];
    return [
      {
        reason: "FieldValueRequired",
        field: `${path}.${field}`,
        message: "Required value: must not be empty",
      },
    ];
  });
  const meta = (isObject(object["metadata"]) ? object["metadata"] : {}) as ObjectMeta;
  const errors = objectMetaErrors(
    { ...meta, name: meta.name ?? "fakename", namespace: meta.namespace ?? "fakenamespace" },
    true,
    "path-segment",
    `${path}.metadata`,
  );
  return [...missing, ...errors];
}

function deprecations({ spec }: CustomDefinition, version: CustomVersion): readonly string[] {
  if (version.deprecated !== true) return [];
  const text = `${spec.group}/${version.name} ${spec.names.kind} is deprecated`;
  const newer = spec.versions.find(
    ({ served, deprecated, name }) => served && deprecated !== true && name !== version.name,
  );
  const other = newer === undefined ? "" : `; use ${spec.group}/${newer.name} ${spec.names.kind}`;
  return [version.deprecationWarning ?? `${text}${other}`];
}

const standardFinalizers = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

function finalizerWarnings(object: Draft): readonly string[] {
  const { finalizers = [] } = metadataOf(object) as { finalizers?: readonly string[] };
  return finalizers.flatMap((name) => {
    const shown = `metadata.finalizers: ${goQuote(name)}: `;
    const wrong = qualifiedNameComplaints(name).map((text) => shown + text);
    if (name.includes("/") || standardFinalizers.has(name)) return wrong;
    const path = name.includes(".") ? " including a path (/)" : "";
    return [
      ...wrong,
      `${shown}prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
    ];
  });
}

function selectableOf(
  fields: readonly { readonly jsonPath: string }[],
): NonNullable<Strategy["selectableFields"]> {
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const path = findJsonPath(jsonPath) ?? [];
      const read = (object: Draft) => {
        const [value] = valuesAt(path, object);
        return value === undefined || value === null ? "" : textOf(value);
      };
      return [jsonPath.slice(1), read];
    }),
  );
}

function scaleOf({ specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomScale): ScaleView {
  const numberAt = (path: string) => (object: Draft) => {
    const [value] = valuesAt(findJsonPath(path) ?? [], object);
    return typeof value === "number" ? value : undefined;
  };
  return {
    replicas: numberAt(specReplicasPath),
    statusReplicas: numberAt(statusReplicasPath),
    selector(object) {
      const [value] =
        labelSelectorPath === undefined ? [] : valuesAt(findJsonPath(labelSelectorPath) ?? [], object);
      return typeof value === "string" ? value : undefined;
    },
    setReplicas(object, replicas) {
      const names = specReplicasPath.split(".").slice(1);
      const last = names.pop() ?? "";
      let place = object;
      for (const name of names) {
        if (!isObject(place[name])) place[name] = {};
        place = place[name] as Draft;
      }
      place[last] = replicas;
    },
  };
}
