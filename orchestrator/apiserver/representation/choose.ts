import { encodeProtobuf } from "#orchestrator/machinery/protobuf.ts";
import type { Draft, ResourceDefinition } from "#orchestrator/machinery/resource.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import { hasSchema, schemaOf } from "#orchestrator/kinds/schemas.ts";
import type { ApiRequest } from "../api-request.ts";
import { type Accepted, type Format, mediaTypes, negotiate } from "../negotiation.ts";
import { apiVersionOf } from "../registry/resource-table.ts";
import { jsonRepresentation } from "./json.ts";
import { protobufRepresentation } from "./protobuf.ts";
import type { Representation } from "./representation.ts";
import { metadataShape, parseIncludeObject, plainShape, type Shape, tableShape } from "./shape.ts";
import { yamlRepresentation } from "./yaml.ts";

export type Conversions = "one" | "list";

const tables = ["Table.v1.meta.k8s.io", "Table.v1beta1.meta.k8s.io"];
const kindsOf: Readonly<Record<Conversions, readonly string[]>> = {
  one: [...tables, "PartialObjectMetadata.v1.meta.k8s.io", "PartialObjectMetadata.v1beta1.meta.k8s.io"],
  list: [
    ...tables,
    "PartialObjectMetadataList.v1.meta.k8s.io",
    "PartialObjectMetadataList.v1beta1.meta.k8s.io",
    "PartialObjectMetadata.v1.meta.k8s.io",
  ],
};
const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/**
 * How a client wants objects of a resource written.
 *
 * @throws {StatusError} `NotAcceptable`
 */
export async function chooseRepresentation(
  definition: ResourceDefinition,
  { headers, query }: ApiRequest,
  conversions: Conversions,
  now: () => Date,
): Promise<Representation> {
  const formats: readonly Format[] = hasSchema(definition.type)
    ? ["json", "yaml", "protobuf"]
    : ["json", "yaml"];
  const accepted = negotiate(headers["accept"], { formats, kinds: kindsOf[conversions] });
  const shape = served(definition, shapeOf(definition, accepted, query, now));
  const isPretty = accepted.isPretty || ["1", "true"].includes(query.get("pretty") ?? "");
  switch (accepted.format) {
    case "json":
      return jsonRepresentation(shape, isPretty);
    case "yaml":
      return yamlRepresentation(shape, (await import("js-yaml")).dump);
    case "protobuf": {
      // Tables have no message.
      if (shape.kind === "Table") return jsonRepresentation(shape, isPretty);
      const type =
        shape.cacheName?.startsWith("metadata") === true ? `${meta}.PartialObjectMetadata` : definition.type;
      return protobufRepresentation(shape, {
        object: schemaOf(type),
        listMeta: schemaOf(`${meta}.ListMeta`),
        status: schemaOf(`${meta}.Status`),
      });
    }
    default:
      return accepted.format satisfies never;
  }
}

/** Of a resource that is kept in another form. */
function served(definition: ResourceDefinition, shape: Shape): Shape {
  const { storedAs } = definition;
  if (storedAs === undefined) return shape;
  const decode = (object: KubeObject) => {
    // What a write gives back has that form already.
    if (object.apiVersion === apiVersionOf(definition)) return object;
    return storedAs.decode(object as unknown as Draft) as unknown as KubeObject;
  };
  return {
    ...shape,
    ...(shape.cacheName !== undefined && { cacheName: `${shape.cacheName} ${apiVersionOf(definition)}` }),
    one: (object) => shape.one(decode(object)),
    item: (object) => shape.item(decode(object)),
  };
}

function shapeOf(
  definition: ResourceDefinition,
  { as }: Accepted,
  query: URLSearchParams,
  now: () => Date,
): Shape {
  if (as === undefined) return plainShape(definition);
  if (as.kind !== "Table") return metadataShape();
  return tableShape(definition, as.version, parseIncludeObject(query.get("includeObject")), now);
}

/** What a subresource gives that is no resource itself, e.g. a Scale. */
export async function representType(
  named: { readonly group: string; readonly version: string; readonly kind: string; readonly type: string },
  { headers, query }: ApiRequest,
  object: Draft,
): Promise<{ readonly contentType: string; readonly body: Uint8Array }> {
  const { format } = negotiate(headers["accept"], { formats: ["json", "yaml", "protobuf"], kinds: [] });
  if (format === "protobuf")
    return { contentType: mediaTypes.protobuf, body: encodeProtobuf(schemaOf(named.type), object) };
  if (format === "yaml") {
    const { dump } = await import("js-yaml");
    return {
      contentType: mediaTypes.yaml,
      body: Buffer.from(dump(object, { sortKeys: true, lineWidth: -1 })),
    };
  }
  const indent = ["1", "true"].includes(query.get("pretty") ?? "") ? 2 : undefined;
  return {
    contentType: mediaTypes.json,
    body: Buffer.from(`${JSON.stringify(object, undefined, indent)}\n`),
  };
}
