import { createHash } from "node:crypto";
import { hasSchema, schemaOf } from "../schemas.ts";
import { isNode, type Published, readSpecification, type SchemaNode, specificationHash } from "./source.ts";
import { bearerToken } from "./v2.ts";

/** @see OpenAPI Specification 3.0.0 */
export interface OpenApiV3 {
  readonly openapi: "3.0.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, SchemaNode>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, SchemaNode>>;
    readonly securitySchemes: SchemaNode;
  };
}

/**
 * The document of one part of the API, e.g. `api/v1`, `apis/apps/v1`, `apis/apps`, `version`.
 *
 * @returns undefined when the specification says nothing of it
 */
export function openApiV3(part: string, version: string): OpenApiV3 | undefined {
  const { definitions, parameters, paths } = readSpecification();
  const own = Object.entries(paths).filter(([path]) => partOf(path) === part);
  if (own.length === 0) return undefined;
  const inlined = Object.fromEntries(own.map(([path, item]) => [path, inlineParameters(item, parameters)]));
  return documentOf({ definitions, paths: inlined }, version);
}

/** The document of a group and version that custom resources make, of what was published of them. */
export function customOpenApiV3(published: readonly Published[], version: string): OpenApiV3 {
  const { definitions, parameters } = readSpecification();
  const all: Published = {
    definitions: Object.assign({}, definitions, ...published.map((each) => each.definitions)),
    paths: Object.fromEntries(
      published.flatMap((each) =>
        Object.entries(each.paths).map(([path, item]) => [path, inlineParameters(item, parameters)]),
      ),
    ),
  };
  return documentOf(all, version);
}

/** The parts of the built-in API that have a document. */
export function openApiV3Parts(): readonly string[] {
  return [...new Set(Object.keys(readSpecification().paths).map(partOf))].toSorted();
}

/** Of a built-in part: changes when its document does. */
export function openApiV3Hash(part: string, version: string): string {
  return createHash("sha512").update(`${specificationHash()} ${version} ${part}`).digest("hex").toUpperCase();
}

/** `/openapi/v3`, of parts and the hashes of their documents. */
export function openApiV3Index(hashes: Readonly<Record<string, string>>): SchemaNode {
  const paths = Object.entries(hashes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([part, hash]) => [part, { serverRelativeURL: `/openapi/v3/${part}?hash=${hash}` }]);
  return { paths: Object.fromEntries(paths) };
}

/** `/apis/apps/v1/namespaces/…` → `apis/apps/v1` */
function partOf(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (segments[0] === "api") return segments.slice(0, 2).join("/");
  return segments[0] === "apis" ? segments.slice(0, 3).join("/") : segments.join("/");
}

function documentOf(published: Published, version: string): OpenApiV3 {
  const paths = Object.fromEntries(
    Object.entries(published.paths).map(([path, item]) => [path, pathItem(item)]),
  );
  const schemas = new Map<string, SchemaNode>();
  const pending = referencesIn(paths);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const definition = published.definitions[name];
    if (definition === undefined || schemas.has(name)) continue;
    const schema = definitionV3(name, definition);
    schemas.set(name, schema);
    pending.push(...referencesIn(schema));
  }
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths,
    components: {
      schemas: Object.fromEntries([...schemas].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: { BearerToken: bearerToken },
    },
  };
}

function referencesIn(node: unknown): string[] {
  return [...JSON.stringify(node).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
    (match) => match[1] ?? "",
  );
}

function inlineParameters(item: SchemaNode, parameters: Readonly<Record<string, SchemaNode>>): SchemaNode {
  const inline = (list: unknown) =>
    Array.isArray(list)
      ? list.map((each: SchemaNode) => {
          const reference = each["$ref"];
          return typeof reference === "string" ? parameters[reference.slice("#/parameters/".length)] : each;
        })
      : list;
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => {
      if (key === "parameters") return [key, inline(value)];
      if (!isNode(value) || value["parameters"] === undefined) return [key, value];
      return [key, { ...value, parameters: inline(value["parameters"]) }];
    }),
  );
}

function pathItem(item: SchemaNode): SchemaNode {
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => {
      if (key === "parameters") return [key, parametersV3(value)];
      return [key, isNode(value) ? operation(value) : value];
    }),
  );
}

function operation(node: SchemaNode): SchemaNode {
  const { consumes, produces, schemes: _, parameters, responses, ...rest } = node;
  const given = Array.isArray(parameters) ? parameters.filter(isNode) : [];
  const body = given.find((parameter) => parameter["in"] === "body");
  const others = given.filter((parameter) => parameter["in"] !== "body");
  return {
    ...rest,
    ...(others.length === 0 ? {} : { parameters: parametersV3(others) }),
    ...(body === undefined ? {} : { requestBody: requestBody(body, consumes) }),
    responses: responsesV3(responses, produces),
  };
}

function requestBody(body: SchemaNode, consumes: unknown): SchemaNode {
  return {
    content: contentOf(consumes, body["schema"]),
    ...(body["required"] === true ? { required: true } : {}),
  };
}

function contentOf(types: unknown, schema: unknown): SchemaNode {
  const list = Array.isArray(types) ? types.map(String) : ["*/*"];
  return Object.fromEntries(list.map((type) => [type, { schema: schemaV3(schema) }]));
}

function responsesV3(responses: unknown, produces: unknown): SchemaNode {
  if (!isNode(responses)) return {};
  return Object.fromEntries(
    Object.entries(responses).map(([code, response]) => {
      const { schema, ...rest } = isNode(response) ? response : {};
      return [code, schema === undefined ? rest : { ...rest, content: contentOf(produces, schema) }];
    }),
  );
}

function parametersV3(parameters: unknown): unknown {
  if (!Array.isArray(parameters)) return parameters;
  return parameters.filter(isNode).map((parameter) => {
    const { type, format, items, uniqueItems, minimum, ...rest } = parameter;
    const schema = { type, format, items, uniqueItems, minimum };
    return {
      ...rest,
      schema: Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined)),
    };
  });
}

const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const intOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

function definitionV3(name: string, definition: SchemaNode): SchemaNode {
  const { type: _, ...untyped } = definition;
  if (name === quantity) return { ...untyped, oneOf: [{ type: "string" }, { type: "number" }] };
  if (name === intOrString) return { ...untyped, oneOf: [{ type: "integer" }, { type: "string" }] };
  const { properties } = definition;
  if (!isNode(properties)) return schemaV3(definition);
  const fields = hasSchema(name) ? schemaOf(name).fields : undefined;
  const defaulted = Object.entries(properties).map(([field, property]): [string, SchemaNode] => {
    const converted = schemaV3(property);
    const value = fields?.get(field)?.default;
    return [field, value === undefined ? converted : { ...converted, default: value }];
  });
  return { ...schemaV3({ ...definition, properties: {} }), properties: Object.fromEntries(defaulted) };
}

/** A reference beside other members stands in `allOf`: v3 ignores what is beside one. */
function schemaV3(node: unknown): SchemaNode {
  if (!isNode(node)) return {};
  const { $ref, ...rest } = node;
  const converted = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, memberV3(key, value)]),
  );
  if (typeof $ref !== "string") return converted;
  const reference = { $ref: $ref.replace("#/definitions/", "#/components/schemas/") };
  return Object.keys(rest).length === 0 ? reference : { ...converted, allOf: [reference] };
}

function memberV3(key: string, value: unknown): unknown {
  switch (key) {
    case "properties":
    case "definitions":
      return isNode(value)
        ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, schemaV3(each)]))
        : value;
    case "items":
    case "additionalProperties":
    case "not":
      return isNode(value) ? schemaV3(value) : value;
    case "allOf":
    case "anyOf":
    case "oneOf":
      return Array.isArray(value) ? value.map(schemaV3) : value;
    default:
      return value;
  }
}
