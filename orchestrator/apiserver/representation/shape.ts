import type { KubeObject } from "#api/kube/meta.ts";
import type { Column, Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import { failure } from "#api/kube/status.ts";
import type { ListResult } from "../cache/list-page.ts";
import { apiVersionOf } from "../registry/resource-table.ts";
import { defaultColumns } from "./default-columns.ts";

/** What objects of a resource are turned into before they are written. */
export interface Shape {
  readonly kind: string;
  readonly listKind: string;
  readonly apiVersion: string;
  /** Of the list's members. */
  readonly itemsField: "items" | "rows";
  /** Says what it is when that depends on the object alone, so that it need be made only once. */
  readonly cacheName?: string;
  /** What stands in a list beside its metadata and items. */
  readonly listExtras: Readonly<Record<string, unknown>>;
  one(object: KubeObject): Draft;
  item(object: KubeObject): unknown;
  bookmark(object: KubeObject): Draft;
}

/** Objects as they are. */
export function plainShape(definition: ResourceDefinition): Shape {
  const { kind, listKind } = definition;
  const asIs = (object: KubeObject) => object as unknown as Draft;
  return {
    kind,
    listKind,
    apiVersion: apiVersionOf(definition),
    itemsField: "items",
    cacheName: "plain",
    listExtras: {},
    one: asIs,
    item: asIs,
    bookmark: asIs,
  };
}

const metaVersion = "meta.k8s.io/v1";

/** Only who they are. @see Kubernetes API 1.36, meta/v1 PartialObjectMetadata */
export function metadataShape(): Shape {
  const kind = "PartialObjectMetadata";
  const one = ({ metadata }: KubeObject) => ({ kind, apiVersion: metaVersion, metadata });
  return {
    kind,
    listKind: "PartialObjectMetadataList",
    apiVersion: metaVersion,
    itemsField: "items",
    cacheName: "metadata",
    listExtras: {},
    one,
    item: one,
    bookmark: one,
  };
}

export type IncludeObject = "None" | "Metadata" | "Object";

/** Rows of a table, as kubectl prints them. @see Kubernetes API 1.36, meta/v1 Table */
export function tableShape(
  { strategy: { columns = defaultColumns } }: ResourceDefinition,
  version: string,
  includes: IncludeObject,
  now: () => Date,
): Shape {
  const apiVersion = `meta.k8s.io/${version}`;
  const columnDefinitions = columns.map(columnDefinition);
  const item = (object: KubeObject) => {
    const draft = object as unknown as Draft;
    const at = now();
    return {
      cells: columns.map((column) => column.cell(draft, at)),
      object: includedOf(object, includes, apiVersion),
    };
  };
  const tableOf = (object: KubeObject, rows: readonly unknown[]) => ({
    kind: "Table",
    apiVersion,
    metadata: { resourceVersion: object.metadata.resourceVersion },
    columnDefinitions,
    rows,
  });
  return {
    kind: "Table",
    listKind: "Table",
    apiVersion,
    itemsField: "rows",
    listExtras: { columnDefinitions },
    one: (object) => tableOf(object, [item(object)]),
    item,
    bookmark: (object) => tableOf(object, [{ cells: columns.map(() => null), object }]),
  };
}

function columnDefinition({ name, type, format = "", description, priority }: Column) {
  return { name, type, format, description, priority };
}

function includedOf(object: KubeObject, includes: IncludeObject, apiVersion: string): unknown {
  if (includes === "Object") return object;
  if (includes === "None") return null;
  return { kind: "PartialObjectMetadata", apiVersion, metadata: object.metadata };
}

/** @throws {StatusError} `BadRequest` */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === "") return "Metadata";
  if (text === "None" || text === "Metadata" || text === "Object") return text;
  throw failure("BadRequest", `unrecognized includeObject value: ${JSON.stringify(text)}`);
}

export function listMetadata(page: ListResult): Readonly<Record<string, unknown>> {
  return {
    resourceVersion: String(page.revision),
    ...(page.continue !== undefined && { continue: page.continue }),
    ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
  };
}
