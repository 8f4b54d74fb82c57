import {
  referredName,
  type OpenApi,
  type Property,
  type ProtobufFields,
  servedDefinitions,
} from "./specification.ts";

export interface SchemaInputs {
  readonly openApi: OpenApi;
  readonly protobuf: ProtobufFields;
  /** By type and field: `*`, `!` or `.`, see presence.txt. */
  readonly presence: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By type and field: `=` and what Go calls its type. */
  readonly namedTypes: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By type and field: what structured merge says of an absent field. */
  readonly defaults: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

type FieldData = string | readonly [string, Readonly<Record<string, unknown>>];

/**
 * The schema of every served type as orchestrator/kinds/schemas.ts decodes it: by name, each field as `NUMBER FLAGS CODE` and what
 * else there is to say of it.
 */
export function schemaData(inputs: SchemaInputs): Readonly<Record<string, unknown>> {
  const definitions = [...servedDefinitions(inputs.openApi), ...partialObjects];
  return Object.fromEntries(
    definitions
      .filter(
        ([name, definition]) => definition.properties !== undefined || name.endsWith("SubresourceStatus"),
      )
      .map(([name, definition]) => [name, typeData(inputs, name, definition)]),
  );
}

const metaV1 = "io.k8s.apimachinery.pkg.apis.meta.v1";
const reference = (name: string): Property => ({ $ref: `#/definitions/${name}` });

/** Types that only content negotiation knows; the specification has no definitions of them. */
const partialObjects: readonly (readonly [string, Property])[] = [
  [
    `${metaV1}.PartialObjectMetadata`,
    {
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        metadata: reference(`${metaV1}.ObjectMeta`),
      },
    },
  ],
  [
    `${metaV1}.PartialObjectMetadataList`,
    {
      properties: {
        apiVersion: { type: "string" },
        items: { type: "array", items: reference(`${metaV1}.PartialObjectMetadata`) },
        kind: { type: "string" },
        metadata: reference(`${metaV1}.ListMeta`),
      },
      required: ["items"],
    },
  ],
];

function typeData(inputs: SchemaInputs, name: string, definition: Property): unknown {
  const message = messageOf(inputs.protobuf, wireName(name));
  const fields: Record<string, FieldData> = {};
  for (const [field, property] of Object.entries(definition.properties ?? {})) {
    fields[field] = fieldData(inputs, {
      name,
      field,
      property,
      message,
      required: definition.required ?? [],
    });
  }
  return definition["x-kubernetes-map-type"] === "atomic" ? [fields, "atomic"] : [fields];
}

/** What the files of messages, which are of the next release, do not have any more. */
const ofNextRelease: Readonly<Record<string, WireField>> = {
  "io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus.resources": { path: [3], type: "map" },
  "io.k8s.api.resource.v1.Device.nodeAllocatableResourceMappings": { path: [13], type: "map" },
  "io.k8s.api.resource.v1.NodeAllocatableResourceMapping.capacityKey": { path: [1], type: "string" },
  "io.k8s.api.resource.v1.NodeAllocatableResourceMapping.allocationMultiplier": {
    path: [2],
    type: "Quantity",
  },
};

type Message = Readonly<Record<string, readonly [number, string, string]>> | undefined;

interface FieldContext {
  readonly name: string;
  readonly field: string;
  readonly property: Property;
  readonly message: Message;
  readonly required: readonly string[];
}

function fieldData(inputs: SchemaInputs, at: FieldContext): FieldData {
  const { property } = at;
  const wire = wireField(inputs.protobuf, at.message, at.field) ?? ofNextRelease[`${at.name}.${at.field}`];
  const flags = `${at.required.includes(at.field) ? "#" : ""}${inputs.presence.get(at.name)?.get(at.field) ?? ""}`;
  const wrapped = wire !== undefined && /ExtraValue|Verbs/.test(wire.type);
  const strategy = property["x-kubernetes-patch-strategy"];
  const mergeKey = property["x-kubernetes-patch-merge-key"];
  const listType = property["x-kubernetes-list-type"];
  const said = inputs.defaults.get(at.name)?.get(at.field);
  const named = inputs.namedTypes.get(at.name)?.get(at.field)?.slice(1);
  const more = {
    ...(named === undefined ? {} : { go: named }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(mergeKey === undefined ? {} : { mergeKey }),
    ...(listType === undefined || listType === "atomic" ? {} : { list: listType }),
    ...(listType === "map" ? { keys: property["x-kubernetes-list-map-keys"] } : {}),
    ...(property["x-kubernetes-map-type"] === "atomic" ? { atomic: true } : {}),
    ...(enumOf(property) === undefined ? {} : { enum: enumOf(property) }),
    ...(isZero(said) ? {} : { default: said }),
  };
  const text = `${wire?.path.join("/") ?? ""}${flags} ${codeOf(inputs.openApi, property, wrapped)}`;
  return Object.keys(more).length === 0 ? text : [text, more];
}

function enumOf(property: Property): readonly string[] | undefined {
  return property.enum ?? property.items?.enum ?? property.additionalProperties?.enum;
}

function isZero(value: unknown): boolean {
  return (
    value === undefined ||
    value === "" ||
    value === 0 ||
    value === false ||
    value === null ||
    (typeof value === "object" && Object.keys(value).length === 0)
  );
}

const wellKnown: Readonly<Record<string, string>> = {
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "m",
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "r",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "f",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "j",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "A",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "B",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "S",
};

function codeOf(openApi: OpenApi, property: Property, isWrapped: boolean): string {
  if (property.$ref !== undefined) {
    const name = referredName(property.$ref);
    return wellKnown[name] ?? `@${name}`;
  }
  switch (property.type) {
    case "string":
      return property.format === "byte" ? "y" : "s";
    case "boolean":
      return "b";
    case "integer":
      return property.format === "int64" ? "l" : "i";
    case "number":
      return "d";
    case "array":
      return `${isWrapped ? "w" : ""}[${codeOf(openApi, property.items ?? {}, false)}`;
    case "object":
      return property.additionalProperties === undefined
        ? "r"
        : `{${codeOf(openApi, property.additionalProperties, isWrapped)}`;
    default:
      throw new Error(`a property has the unknown type ${property.type}`);
  }
}

function wireName(name: string): string {
  return name.replace(/^io\.k8s\./, ".k8s.io.").replaceAll("-", "_");
}

function messageOf(protobuf: ProtobufFields, path: string): Message {
  const at = path.lastIndexOf(".");
  const message = protobuf[path.slice(1, at)]?.[path.slice(at + 1)];
  return message === undefined
    ? undefined
    : Object.fromEntries(
        Object.entries(message).map(([name, [number, type, label]]) => [
          name,
          [number, /^[A-Z]/.test(type) ? `${path.slice(0, at)}.${type}` : type, label],
        ]),
      );
}

interface WireField {
  /** Its number, after those of the messages that Go embeds it in. */
  readonly path: readonly number[];
  readonly type: string;
}

/** Names differ in case (`uID`), in `$` and in dashes (`x-kubernetes-embedded-resource`). */
function wireField(protobuf: ProtobufFields, message: Message, field: string): WireField | undefined {
  if (message === undefined) return undefined;
  const plain = (text: string) => text.replaceAll(/[$_-]/g, "").toLowerCase();
  const name = Object.keys(message).find((key) => plain(key) === plain(field));
  const found = name === undefined ? undefined : message[name];
  if (found !== undefined) return { path: [found[0]], type: found[1] };
  if (field === "apiVersion" || field === "kind") return undefined; // the envelope has them
  for (const [outer, [number, type]] of Object.entries(message)) {
    if (!type.startsWith(".") || !isEmbedded(outer, type)) continue;
    const inner = wireField(protobuf, messageOf(protobuf, type), field);
    if (inner !== undefined) return { ...inner, path: [number, ...inner.path] };
  }
  return undefined;
}

/** A field named as its type is one that Go embeds. */
function isEmbedded(field: string, type: string): boolean {
  const message = type.slice(type.lastIndexOf(".") + 1).toLowerCase();
  return message === field.toLowerCase() || (field === "handler" && message === "probehandler");
}
