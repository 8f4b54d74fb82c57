import type { dump as Dump } from "js-yaml";
import { failure } from "#api/kube/status.ts";
import { notAcceptable } from "../negotiation.ts";
import type { Representation } from "./representation.ts";
import { listMetadata, type Shape } from "./shape.ts";

const encoder = new TextEncoder();

/** YAML of whatever shape. There is none of watches. */
export function yamlRepresentation(shape: Shape, dump: typeof Dump): Representation {
  const yaml = (value: unknown) =>
    encoder.encode(dump(value, { sortKeys: true, lineWidth: -1, noRefs: true }));
  const none = (): never => {
    throw failure("InternalError", "there is no YAML of a watch");
  };
  return {
    contentType: "application/yaml",
    get watchContentType(): string {
      throw notAcceptable(["json", "protobuf"], true);
    },
    object: (object) => yaml(shape.one(object)),
    cached: ({ object }) => yaml(shape.one(object)),
    *list(page) {
      yield yaml({
        kind: shape.listKind,
        apiVersion: shape.apiVersion,
        metadata: listMetadata(page),
        ...shape.listExtras,
        [shape.itemsField]: page.items.map(({ object }) => shape.item(object)),
      });
    },
    watch: { event: none, bookmark: none, error: none },
  };
}
