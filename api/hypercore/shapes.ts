import data from "./shapes.json" with { type: "json" };

/** A field of a type. @see api/hypercore/shapes.json, written by tools/make-hypercore.ts */
export interface FieldShape {
  /** `string`, `integer`, `number`, `boolean`, a type's name, or `array<…>` or `map<…>` of one. */
  readonly type: string;
  readonly default?: unknown;
  readonly readOnly?: boolean;
  readonly writeOnly?: boolean;
  readonly unit?: string;
}

export type TypeShape =
  | { readonly enum: readonly string[] }
  | { readonly scalar: "string" }
  | {
      readonly isArray?: boolean;
      readonly required?: readonly string[];
      readonly fields: Readonly<Record<string, FieldShape>>;
    };

export interface OperationShape {
  readonly method: string;
  /** From the host on, e.g. `/rest/v1/VirDomain/{virDomainUUID}`. */
  readonly path: string;
  readonly purpose: string;
  /** The type of what it answers. */
  readonly answer?: string;
  readonly query: readonly string[];
}

export const typeShapes = data.types as Readonly<Record<string, TypeShape>>;
export const operationShapes = data.operations as readonly OperationShape[];

/** The fields of an object type. */
export function fieldsOf(type: string): Readonly<Record<string, FieldShape>> {
  const shape = typeShapes[type];
  return shape !== undefined && "fields" in shape ? shape.fields : {};
}
