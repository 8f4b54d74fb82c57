import type { Published, SchemaNode } from "../openapi/source.ts";
import { type CustomDefinition, type CustomVersion, itemsOf, type JsonSchema } from "./definition.ts";
import { typeName } from "./custom-resources.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";
const texts = {
  apiVersion:
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
  kind: "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
  metadata:
    "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
  listMetadata:
    "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
};

/** What OpenAPI says of a definition, by the part of the API it belongs to. */
export function publishedParts(
  definition: CustomDefinition,
): readonly (readonly [part: string, published: Published])[] {
  const { spec } = definition;
  return spec.versions
    .filter(({ served }) => served)
    .map((version) => [`apis/${spec.group}/${version.name}`, publishedVersion(definition, version)]);
}

function publishedVersion(definition: CustomDefinition, version: CustomVersion): Published {
  const { names } = definition.spec;
  const name = typeName(definition, version.name);
  const listKind = names.listKind ?? `${names.kind}List`;
  const listName = name.replace(/[^.]+$/, listKind);
  return {
    definitions: {
      [name]: objectNode(definition, version),
      [listName]: listNode(definition, version, name, listKind),
    },
    paths: pathsOf(definition, version, name, listName),
  };
}

interface GroupVersionKind {
  readonly group: string;
  readonly kind: string;
  readonly version: string;
}

function gvk({ spec }: CustomDefinition, version: string, kind: string): GroupVersionKind {
  return { group: spec.group, kind, version };
}

function objectNode(definition: CustomDefinition, { name, schema }: CustomVersion): SchemaNode {
  const root = schema?.openAPIV3Schema ?? {};
  const own = node(root);
  const isBare =
    Object.keys(root).length === 0 ||
    (root["x-kubernetes-preserve-unknown-fields"] === true && root.properties === undefined);
  return {
    ...own,
    type: "object",
    ...(isBare && root.type === undefined
      ? {}
      : {
          properties: {
            ...(own["properties"] as object | undefined),
            apiVersion: { description: texts.apiVersion, type: "string" },
            kind: { description: texts.kind, type: "string" },
            metadata: { description: texts.metadata, $ref: `#/definitions/${meta}.ObjectMeta` },
          },
        }),
    "x-kubernetes-group-version-kind": [gvk(definition, name, definition.spec.names.kind)],
  };
}

function listNode(
  definition: CustomDefinition,
  { name }: CustomVersion,
  item: string,
  listKind: string,
): SchemaNode {
  const { plural, kind } = definition.spec.names;
  return {
    description: `${listKind} is a list of ${kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: { description: texts.apiVersion, type: "string" },
      items: {
        description: `List of ${plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: "array",
        items: { $ref: `#/definitions/${item}` },
      },
      kind: { description: texts.kind, type: "string" },
      metadata: { description: texts.listMetadata, $ref: `#/definitions/${meta}.ListMeta` },
    },
    "x-kubernetes-group-version-kind": [gvk(definition, name, listKind)],
  };
}

/** A schema as OpenAPI has it. */
function node(schema: JsonSchema): SchemaNode {
  const { properties, additionalProperties, allOf, anyOf, oneOf, not, items: _items, ...rest } = schema;
  const items = itemsOf(schema);
  const each = (list: readonly JsonSchema[]) => list.map(node);
  const isEmbedded = schema["x-kubernetes-embedded-resource"] === true;
  const embedded = isEmbedded
    ? {
        apiVersion: { description: texts.apiVersion, type: "string" },
        kind: { description: texts.kind, type: "string" },
        metadata: { description: texts.metadata, $ref: `#/definitions/${meta}.ObjectMeta` },
      }
    : undefined;
  const members =
    properties === undefined
      ? {}
      : Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, node(member)]));
  return {
    ...rest,
    ...(properties === undefined && embedded === undefined
      ? {}
      : { properties: { ...members, ...embedded } }),
    ...(typeof additionalProperties === "object" ? { additionalProperties: node(additionalProperties) } : {}),
    ...(typeof additionalProperties === "boolean" ? { additionalProperties } : {}),
    ...(items === undefined ? {} : { items: node(items) }),
    ...(allOf === undefined ? {} : { allOf: each(allOf) }),
    ...(anyOf === undefined ? {} : { anyOf: each(anyOf) }),
    ...(oneOf === undefined ? {} : { oneOf: each(oneOf) }),
    ...(not === undefined ? {} : { not: node(not) }),
  };
}

/** What of it OpenAPI v2 can say: clients that read it take what it cannot say for an error in objects. */
export function inOpenApiV2(published: Published): Published {
  const definitions = Object.entries(published.definitions).map(([name, schema]) => [name, v2Node(schema)]);
  return { ...published, definitions: Object.fromEntries(definitions) };
}

function v2Node(schema: SchemaNode): SchemaNode {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, nullable, default: _default, ...rest } = schema;
  const isFree = rest["x-kubernetes-preserve-unknown-fields"] === true;
  const { type, items, properties, additionalProperties, required, ...other } = rest;
  if (nullable === true) return { ...other };
  const isGvk = rest["x-kubernetes-group-version-kind"] !== undefined;
  const hasType = type !== undefined && rest["x-kubernetes-int-or-string"] !== true;
  const members = properties as Readonly<Record<string, SchemaNode>> | undefined;
  const kept = Array.isArray(required)
    ? required.filter((name: string) => members?.[name]?.["nullable"] !== true)
    : [];
  const isDropped = isFree && !isGvk;
  return {
    ...other,
    ...(hasType && { type }),
    ...(kept.length > 0 && !isFree && { required: kept }),
    ...(members !== undefined && !isFree && !isDropped && { properties: mapped(members) }),
    ...(items !== undefined && !isFree && { items: v2Node(items as SchemaNode) }),
    ...(typeof additionalProperties === "object" && additionalProperties !== null && !isFree
      ? { additionalProperties: v2Node(additionalProperties as SchemaNode) }
      : {}),
  };
}

function mapped(members: Readonly<Record<string, SchemaNode>>): SchemaNode {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, v2Node(member)]));
}

const query = (name: string, type: string, description: string): SchemaNode => ({
  name,
  in: "query",
  type,
  description,
  uniqueItems: true,
});
const dryRun = query(
  "dryRun",
  "string",
  "When present, indicates that modifications should not be persisted.",
);
const fieldManager = query(
  "fieldManager",
  "string",
  "fieldManager is a name associated with the actor or entity that is making these changes.",
);
const fieldValidation = query(
  "fieldValidation",
  "string",
  "fieldValidation instructs the server on how to handle objects in the request (POST/PUT/PATCH) containing unknown or duplicate fields.",
);
const force = query("force", "boolean", 'Force is going to "force" Apply requests.');
const listQueries = [
  query("allowWatchBookmarks", "boolean", 'allowWatchBookmarks requests watch events with type "BOOKMARK".'),
  query(
    "continue",
    "string",
    "The continue option should be set when retrieving more results from the server.",
  ),
  query("fieldSelector", "string", "A selector to restrict the list of returned objects by their fields."),
  query("labelSelector", "string", "A selector to restrict the list of returned objects by their labels."),
  query("limit", "integer", "limit is a maximum number of responses to return for a list call."),
  query(
    "resourceVersion",
    "string",
    "resourceVersion sets a constraint on what resource versions a request may be served from.",
  ),
  query(
    "resourceVersionMatch",
    "string",
    "resourceVersionMatch determines how resourceVersion is applied to list calls.",
  ),
  query("sendInitialEvents", "boolean", "`sendInitialEvents=true` may be set together with `watch=true`."),
  query("timeoutSeconds", "integer", "Timeout for the list/watch call."),
  query(
    "watch",
    "boolean",
    "Watch for changes to the described resources and return them as a stream of notifications.",
  ),
];
const pretty = query("pretty", "string", "If 'true', then the output is pretty printed.");
const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/apply-patch+yaml",
];

function pathsOf(
  definition: CustomDefinition,
  version: CustomVersion,
  name: string,
  listName: string,
): Published["paths"] {
  const { group, names, scope } = definition.spec;
  const isNamespaced = scope === "Namespaced";
  const base = `/apis/${group}/${version.name}`;
  const within = isNamespaced ? `${base}/namespaces/{namespace}/${names.plural}` : `${base}/${names.plural}`;
  const tools = operationsOf(definition, version, name, listName);
  const paths: Record<string, SchemaNode> = {
    [within]: { ...tools.collection, parameters: tools.parameters(false) },
    [`${within}/{name}`]: { ...tools.object, parameters: tools.parameters(true) },
  };
  if (isNamespaced) paths[`${base}/${names.plural}`] = { get: tools.collection.get, parameters: [pretty] };
  for (const sub of ["status", "scale"] as const)
    if (version.subresources?.[sub] !== undefined)
      paths[`${within}/{name}/${sub}`] = { ...tools.subresource(sub), parameters: tools.parameters(true) };
  return paths;
}

function operationsOf(definition: CustomDefinition, version: CustomVersion, name: string, listName: string) {
  const { group, names, scope } = definition.spec;
  const kind = gvk(definition, version.name, names.kind);
  const tag = `${group.split(".")[0] ?? ""}_${version.name}`;
  const infix = scope === "Namespaced" ? "Namespaced" : "";
  const id = `${group.split(".").map(capital).join("")}${capital(version.name)}${infix}${names.kind}`;
  const body = (type: string): SchemaNode => ({
    in: "body",
    name: "body",
    required: true,
    schema: { $ref: `#/definitions/${type}` },
  });
  const operation = (
    action: string,
    verb: string,
    type: string,
    parameters: readonly SchemaNode[],
    more: SchemaNode = {},
  ): SchemaNode => ({
    description: `${verb} ${names.kind}`,
    operationId: `${verb.split(" ")[0] ?? verb}${id}${(more["suffix"] as string | undefined) ?? ""}`,
    consumes: (more["consumes"] as readonly string[] | undefined) ?? ["application/json", "application/yaml"],
    produces: ["application/json", "application/yaml"],
    schemes: ["https"],
    tags: [tag],
    parameters,
    responses: {
      "200": { description: "OK", schema: { $ref: `#/definitions/${type}` } },
      "401": { description: "Unauthorized" },
    },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": (more["kind"] as GroupVersionKind | undefined) ?? kind,
  });
  const writes = [dryRun, fieldManager, fieldValidation];
  const patch = (type: string, more: SchemaNode = {}) =>
    operation("patch", "patch the specified", type, [body(`${meta}.Patch`), ...writes, force], {
      ...more,
      consumes: patchTypes,
    });
  const status = `${meta}.Status`;
  return {
    parameters: (isNamed: boolean): readonly SchemaNode[] => [
      ...(isNamed ? [pathParameter("name", `name of the ${names.kind}`)] : []),
      ...(scope === "Namespaced"
        ? [pathParameter("namespace", "object name and auth scope, such as for teams and projects")]
        : []),
      pretty,
    ],
    collection: {
      get: operation("list", "list objects of kind", listName, listQueries),
      post: operation("post", "create a", name, [body(name), ...writes]),
      delete: operation("deletecollection", "delete collection of", status, listQueries, {
        suffix: "Collection",
      }),
    },
    object: {
      get: operation("get", "read the specified", name, []),
      put: operation("put", "replace the specified", name, [body(name), ...writes]),
      patch: patch(name),
      delete: operation("delete", "delete a", status, [dryRun]),
    },
    subresource(sub: "status" | "scale"): SchemaNode {
      const isScale = sub === "scale";
      const type = isScale ? "io.k8s.api.autoscaling.v1.Scale" : name;
      const more = {
        suffix: capital(sub),
        ...(isScale && { kind: { group: "autoscaling", kind: "Scale", version: "v1" } }),
      };
      return {
        get: operation("get", `read ${sub} of the specified`, type, [], more),
        put: operation("put", `replace ${sub} of the specified`, type, [body(type), ...writes], more),
        patch: patch(type, more),
      };
    },
  };
}

function pathParameter(name: string, description: string): SchemaNode {
  return { name, in: "path", required: true, type: "string", description, uniqueItems: true };
}

function capital(text: string): string {
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}`;
}
