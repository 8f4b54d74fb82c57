import type { GroupVersionResource } from "#api/kube/meta.ts";
import type { FieldTypes } from "./apply/ownership.ts";

/** A field that is wrong, in the words of the API. @see Kubernetes API 1.36, meta/v1 StatusCause */
export interface FieldError {
  readonly reason:
    | "FieldValueNotFound"
    | "FieldValueRequired"
    | "FieldValueDuplicate"
    | "FieldValueInvalid"
    | "FieldValueNotSupported"
    | "FieldValueForbidden"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueTypeInvalid"
    | "InternalError";
  /** e.g. `spec.containers[0].name` */
  readonly field: string;
  /** Without the field, e.g. `Required value` or `Invalid value: "A_b": a lowercase RFC 1123 label must …`. */
  readonly message: string;
}

/** An object while a request changes it: what JSON can hold. */
export type Draft = Record<string, unknown>;

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection"
  | "connect";

/** A served resource: data, but for its strategy. Custom resources get theirs from their definition. */
export interface ResourceDefinition extends GroupVersionResource {
  readonly kind: string;
  readonly listKind: string;
  readonly singular: string;
  readonly isNamespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly subresources: readonly SubresourceDefinition[];
  /** Of its schema, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly type: string;
  readonly strategy: Strategy;
  /** Where its objects are kept when that is another resource's place, or in another form than it is served. */
  readonly storedAs?: StoredAs;
}

/** How what is served and what is kept become one another. Neither direction changes what it is given. */
export interface StoredAs {
  readonly group: string;
  readonly resource: string;
  decode(stored: Draft): Draft;
  encode(served: Draft): Draft;
  /** For what only somebody else can convert. */
  readonly conversion?: Conversion;
}

/** Has to be asked first. */
export interface Conversion {
  /** Resolves when {@link StoredAs.decode} can make all of these, which are told apart by being themselves. */
  prepare(stored: readonly Draft[], signal: AbortSignal): Promise<void>;
  /** In place of {@link StoredAs.encode}. */
  encode(served: Draft, signal: AbortSignal): Promise<Draft>;
}

export interface SubresourceDefinition {
  /** Without the resource, e.g. `status`. */
  readonly name: string;
  readonly verbs: readonly Verb[];
  /** What it takes and gives where that is not the resource itself, e.g. `autoscaling/v1 Scale`. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
}

/** What a kind adds to its data. All of it is pure: drafts are changed in place, nothing waits. */
export interface Strategy {
  /** What an absent field gets, before admission; also run on what is read from the store. */
  default?(object: Draft): void;
  /**
   * For custom kinds, whose fields no table has: drops what the kind does not have, and says what that was in the words of the
   * API, e.g. `unknown field "spec.foo"`.
   */
  prune?(object: Draft): readonly string[];
  /** Sets what clients may not on creation, e.g. clears the status. Runs after plugins have changed it, before it is validated. */
  prepareForCreate?(object: Draft): void;
  /** The same for an update of the main resource: keeps the status, counts the generation up when the spec changed. */
  prepareForUpdate?(next: Draft, old: Draft): void;
  /** The same for `/status`: keeps everything but the status. Without it the generic rule applies: spec and metadata stay. */
  prepareForStatusUpdate?(next: Draft, old: Draft): void;
  /** All that is wrong with a new object; its types and unknown fields have been checked. */
  validate?(object: Draft): readonly FieldError[];
  validateUpdate?(next: Draft, old: Draft): readonly FieldError[];
  validateStatusUpdate?(next: Draft, old: Draft): readonly FieldError[];
  /** `Warning` headers that a write of it deserves. */
  warnings?(object: Draft): readonly string[];
  /** How names of it look; absent: DNS-1123 subdomain. */
  readonly nameRule?: "dns-subdomain" | "dns-label" | "dns-label-1035" | "path-segment";
  /** What field selectors may name beside `metadata.name` and `metadata.namespace`, and where the value is. */
  readonly selectableFields?: Readonly<Record<string, (object: Draft) => string>>;
  /** Seconds that a deletion waits; 0 or undefined: it goes at once. */
  gracePeriodS?(object: Draft, asked: number | undefined): number | undefined;
  /** What holds an object that is being deleted, besides what its policy says. */
  readonly finalizersOnDelete?: readonly string[];
  /** What a deletion without a policy does to dependents; absent: Background. */
  readonly defaultPropagation?: "Orphan" | "Background";
  /** Whether an update may come without a resourceVersion; absent: yes. */
  readonly needsResourceVersion?: boolean;
  /** Whether an update may create it. */
  readonly canCreateOnUpdate?: boolean;
  /** How many seconds it is kept, e.g. events. */
  readonly ttlS?: number;
  /** Of custom kinds: how apply sees their fields. */
  readonly fieldTypes?: FieldTypes;
  /** How the subresource `scale` reads and writes the object; absent: as workloads have it. */
  readonly scale?: ScaleView;
  /** Columns of a Table; absent: Name and Age. */
  readonly columns?: readonly Column[];
}

/** Where an object has what a Scale tells. */
export interface ScaleView {
  replicas(object: Draft): number | undefined;
  statusReplicas(object: Draft): number | undefined;
  /** As text; absent: it tells none. */
  selector(object: Draft): string | undefined;
  setReplicas(object: Draft, replicas: number): void;
}

export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  /** `name` for the column that names the object. */
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: number;
  cell(object: Draft, now: Date): string | number | boolean | null;
}
