import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A property or definition of the OpenAPI v2 document. */
export interface Property {
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly enum?: readonly string[];
  readonly items?: Property;
  readonly additionalProperties?: Property;
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly GroupVersionKind[];
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Operation {
  readonly operationId: string;
  readonly description: string;
  readonly parameters?: readonly Parameter[];
  readonly "x-kubernetes-action"?: string;
  readonly "x-kubernetes-group-version-kind"?: GroupVersionKind;
}

export interface Parameter {
  readonly $ref?: string;
  readonly name?: string;
  readonly in?: string;
  readonly description?: string;
}

/** By method; what stands under `parameters` is no operation. */
export type PathItem = Readonly<Record<string, Operation>>;

export interface OpenApi {
  readonly definitions: Readonly<Record<string, Property>>;
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

/** By package, message and field: number, type and label. */
export type ProtobufFields = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, readonly [number, string, string]>>>>>
>;

export function readGzippedJson<T>(path: string): T {
  const parsed: T = JSON.parse(gunzipSync(readFileSync(path)).toString());
  return parsed;
}

const inGenerallyAvailable =
  /^io\.k8s\.(api\.[a-z]+\.v1|api\.autoscaling\.v2|apiextensions-apiserver\.pkg\.apis\.apiextensions\.v1|kube-aggregator\.pkg\.apis\.apiregistration\.v1|apimachinery\.[a-z.0-9]+)\.[A-Za-z0-9]+$/;

/** The definitions that v1 kinds and HorizontalPodAutoscaler v2 need, by name. */
export function servedDefinitions(openApi: OpenApi): readonly (readonly [string, Property])[] {
  return Object.entries(openApi.definitions)
    .filter(([name]) => inGenerallyAvailable.test(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function isServedPath(path: string): boolean {
  const version = /^\/apis\/[^/]+\/(v[^/]+)\//.exec(path)?.[1];
  return path.startsWith("/api/v1/") || version === "v1" || path.startsWith("/apis/autoscaling/v2/");
}

/** `#/definitions/x` → `x` */
export function referredName(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}
