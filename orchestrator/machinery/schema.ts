/**
 * What a type of the API looks like: its fields, and how patches, apply and protobuf treat them. Data, shared by every
 * interpreter; the schemas of built-in types come from `orchestrator/kinds`, those of custom resources from their definitions.
 */
export interface TypeSchema {
  /** e.g. `io.k8s.api.core.v1.Pod` */
  readonly name: string;
  /** The Go type that messages name, e.g. `v1.Pod`. */
  readonly goName: string;
  /** By JSON name, in the order of the specification, which is the alphabet's. Has `apiVersion` and `kind` for root types. */
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly required: readonly string[];
  /** Whether apply treats objects of the type as one value (`x-kubernetes-map-type: atomic`). */
  readonly isAtomic: boolean;
}

export interface FieldSchema {
  readonly name: string;
  readonly value: ValueSchema;
  /** In protobuf; undefined for fields that it does not carry, e.g. `kind`. */
  readonly number: number | undefined;
  /** The numbers of the messages around it that JSON does not show: Go embeds them. */
  readonly embeddedIn: readonly number[];
  readonly isRequired: boolean;
  readonly presence: Presence;
  /** What the specification says an absent field means; apply reads it for keys of lists, e.g. `TCP` for a port's protocol. */
  readonly default: unknown;
  readonly patchStrategy: readonly ("merge" | "replace" | "retainKeys")[];
  readonly patchMergeKey: string | undefined;
}

/**
 * When a field stands in an object that upstream writes: `explicit` keeps whatever was given, zero too; `always` stands there even
 * when nobody set it (`""`, `0`, `false`, `{}`, null for lists and maps); `nonzero` vanishes when it is empty.
 */
export type Presence = "explicit" | "always" | "nonzero";

export type ValueSchema =
  | { readonly kind: "string"; readonly enum: readonly string[] | undefined; readonly goType?: string }
  | { readonly kind: "boolean" }
  | { readonly kind: "integer"; readonly bits: 32 | 64 }
  | { readonly kind: "number" }
  /** Base64 in JSON. */
  | { readonly kind: "bytes" }
  /** RFC 3339 in whole seconds. */
  | { readonly kind: "time" }
  /** RFC 3339 with six digits of a second. */
  | { readonly kind: "micro-time" }
  | { readonly kind: "quantity" }
  | { readonly kind: "int-or-string" }
  /** Any JSON: an embedded object, a set of fields, or a value in a JSON schema. */
  | { readonly kind: "any"; readonly wire: "raw-extension" | "fields" | "json" }
  | { readonly kind: "object"; readonly type: TypeSchema; readonly isAtomic: boolean }
  | {
      readonly kind: "map";
      readonly values: ValueSchema;
      readonly isAtomic: boolean;
      /** What Go calls it where it has a name, e.g. `v1.ResourceList`. */
      readonly goType?: string;
    }
  | ListSchema
  /** The alternatives of JSON schema: a schema, or what `or` says. */
  | {
      readonly kind: "schema-or";
      readonly type: TypeSchema;
      readonly or: "array" | "boolean" | "string-array";
    };

export interface ListSchema {
  readonly kind: "list";
  readonly items: ValueSchema;
  readonly listType: "atomic" | "set" | "map";
  /** Of a list of type `map`: the fields that name an item. */
  readonly keys: readonly string[];
  /** Whether protobuf wraps it in a message of its own. */
  readonly isWrapped: boolean;
}

/** What Go has where no value of a scalar was set; undefined for what is no text, number or boolean in JSON. */
export function zeroScalar({ kind }: ValueSchema): string | number | boolean | undefined {
  switch (kind) {
    case "string":
      return "";
    case "boolean":
      return false;
    case "integer":
    case "number":
    case "int-or-string":
      return 0;
    case "quantity":
      return "0";
    default:
      return undefined;
  }
}
