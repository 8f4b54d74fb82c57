import type { ObjectMeta } from "#api/kube/meta.ts";

/** The parts of a CustomResourceDefinition that the server reads. @see Kubernetes API 1.36, apiextensions/v1 */
export interface CustomDefinition {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: CustomSpec;
  readonly status?: CustomStatus;
}

export interface CustomSpec {
  readonly group: string;
  readonly scope: "Cluster" | "Namespaced";
  readonly names: CustomNames;
  readonly versions: readonly CustomVersion[];
  readonly conversion?: CustomConversion;
  readonly preserveUnknownFields?: boolean;
}

export interface CustomNames {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

export interface CustomVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
  readonly subresources?: { readonly status?: object; readonly scale?: CustomScale };
  readonly additionalPrinterColumns?: readonly CustomColumn[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

export interface CustomScale {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface CustomColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath: string;
}

export interface CustomConversion {
  readonly strategy: string;
  readonly webhook?: {
    readonly clientConfig?: {
      readonly url?: string;
      readonly service?: { readonly namespace?: string; readonly name?: string; readonly port?: number };
      readonly caBundle?: string;
    };
    readonly conversionReviewVersions?: readonly string[];
  };
}

export interface CustomStatus {
  readonly acceptedNames?: CustomNames;
  readonly conditions?: readonly CustomCondition[];
  readonly storedVersions?: readonly string[];
}

export interface CustomCondition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** @see Kubernetes API 1.36, apiextensions/v1 JSONSchemaProps */
export interface JsonSchema {
  readonly type?: string;
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-validations"?: readonly CelRule[];
}

export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** The schema of a list's items; there is one. */
export function itemsOf(schema: JsonSchema | undefined): JsonSchema | undefined {
  const items = schema?.items;
  return items === undefined || Array.isArray(items) ? undefined : (items as JsonSchema);
}

/** The schema of a member, or undefined where there is none. */
export function memberOf(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  const { properties, additionalProperties } = schema ?? {};
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}

/** Whether a status condition is true. */
export function isTrue(definition: CustomDefinition, type: string): boolean {
  return (
    definition.status?.conditions?.some(
      (condition) => condition.type === type && condition.status === "True",
    ) ?? false
  );
}

/** Whatever a definition says beside its schema: every schema within one, itself included. */
export function* schemasIn(schema: JsonSchema | undefined): Generator<JsonSchema> {
  if (schema === undefined) return;
  yield schema;
  const { properties = {}, additionalProperties, allOf = [], anyOf = [], oneOf = [], not } = schema;
  for (const each of [...Object.values(properties), ...allOf, ...anyOf, ...oneOf]) yield* schemasIn(each);
  if (typeof additionalProperties === "object") yield* schemasIn(additionalProperties);
  yield* schemasIn(not);
  yield* schemasIn(itemsOf(schema));
}
