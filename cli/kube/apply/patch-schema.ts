import type { ServedResource } from "../discovery.ts";
import type { Kube } from "../session.ts";

/** How fields of a type are merged, as the server's OpenAPI has it. */
export interface PatchSchema {
  /** Of a field of an object; undefined where nothing is known. */
  field(name: string): FieldSchema | undefined;
}

export interface FieldSchema {
  readonly strategies: readonly string[];
  /** Of a list whose items are merged one by one; absent for plain values. */
  readonly mergeKey?: string;
  /** Of the field's value, or of a list's items. */
  readonly value: PatchSchema;
}

interface WireSchema {
  readonly $ref?: string;
  readonly allOf?: readonly WireSchema[];
  readonly properties?: Readonly<Record<string, WireSchema>>;
  readonly items?: WireSchema;
  readonly additionalProperties?: WireSchema | boolean;
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly KindName[];
}

interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface WirePath {
  readonly patch?: {
    readonly "x-kubernetes-group-version-kind"?: KindName;
    readonly requestBody?: { readonly content?: Readonly<Record<string, unknown>> };
  };
}

interface Document {
  readonly paths?: Readonly<Record<string, WirePath>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, WireSchema>> };
}

/** The schema for strategic merge patches of a resource, undefined for one that takes none: a custom one. @throws {StatusError} */
export async function findPatchSchema(
  { requests }: Kube,
  resource: ServedResource,
  signal: AbortSignal,
): Promise<PatchSchema | undefined> {
  const { group, version } = resource;
  const path = `/openapi/v3/${group === "" ? `api/${version}` : `apis/${group}/${version}`}`;
  const document = await requests.json<Document>({ method: "GET", path }, signal);
  const isIt = (name: KindName | undefined) =>
    name?.group === group && name.version === version && name.kind === resource.kind;
  const takesIt = Object.values(document.paths ?? {}).some(
    ({ patch }) =>
      isIt(patch?.["x-kubernetes-group-version-kind"]) &&
      patch?.requestBody?.content?.["application/strategic-merge-patch+json"] !== undefined,
  );
  const schemas = document.components?.schemas ?? {};
  const found = Object.values(schemas).find((one) => one["x-kubernetes-group-version-kind"]?.some(isIt));
  return takesIt && found !== undefined ? schemaOf(found, schemas) : undefined;
}

function schemaOf(wire: WireSchema, schemas: Readonly<Record<string, WireSchema>>): PatchSchema {
  const resolved = resolve(wire, schemas);
  return {
    field(name) {
      const other = resolved.additionalProperties;
      const field = resolved.properties?.[name] ?? (typeof other === "object" ? other : undefined);
      if (field === undefined) return undefined;
      const mergeKey = field["x-kubernetes-patch-merge-key"];
      return {
        strategies: (field["x-kubernetes-patch-strategy"] ?? "").split(",").filter((text) => text !== ""),
        ...(mergeKey !== undefined && { mergeKey }),
        value: schemaOf(resolve(field, schemas).items ?? field, schemas),
      };
    },
  };
}

function resolve(wire: WireSchema, schemas: Readonly<Record<string, WireSchema>>): WireSchema {
  const target = wire.$ref ?? wire.allOf?.[0]?.$ref;
  return target === undefined ? wire : (schemas[target.slice(target.lastIndexOf("/") + 1)] ?? wire);
}
