import { WireWriter } from "#orchestrator/machinery/wire-writer.ts";
import { isNode, type SchemaNode } from "./source.ts";
import type { OpenApiV2 } from "./v2.ts";

/**
 * An OpenAPI v2 document as protobuf, the form in which clients up to kubectl 1.26 ask for it.
 *
 * @see gnostic, openapiv2/OpenAPIv2.proto
 */
export function encodeOpenApiV2(document: OpenApiV2): Buffer {
  const writer = new WireWriter();
  writeMessage(writer, documentPlan, document as unknown as SchemaNode);
  return writer.finish();
}

type Write = (writer: WireWriter, number: number, value: unknown) => void;

/** By JSON name: the number, and how it is written. What is not here and starts with `x-` is an extension. */
interface Plan {
  readonly fields: Readonly<Record<string, readonly [number, Write]>>;
  readonly extensions?: number;
}

function writeMessage(writer: WireWriter, plan: Plan, node: SchemaNode): void {
  for (const [name, value] of Object.entries(node).reverse()) {
    const field = plan.fields[name];
    if (field !== undefined) field[1](writer, field[0], value);
    else if (name.startsWith("x-") && plan.extensions !== undefined) {
      named(any)(writer, plan.extensions, [name, value]);
    }
  }
}

const text: Write = (writer, number, value) => {
  if (value !== "") writer.text(number, String(value));
};

const bool: Write = (writer, number, value) => {
  if (value !== true) return;
  writer.varint(1);
  writer.tag(number, 0);
};

const integer: Write = (writer, number, value) => {
  writer.int(Number(value));
  writer.tag(number, 0);
};

const double: Write = (writer, number, value) => {
  writer.double(Number(value));
  writer.tag(number, 1);
};

/** JSON is YAML too. */
const any: Write = (writer, number, value) => {
  const before = writer.length;
  writer.text(2, JSON.stringify(value));
  writer.closeMessage(number, before);
};

function message(plan: () => Plan): Write {
  return (writer, number, value) => {
    const before = writer.length;
    if (isNode(value)) writeMessage(writer, plan(), value);
    writer.closeMessage(number, before);
  };
}

/** In a message that has it under a number of its own. */
function inside(inner: number, write: Write): Write {
  return (writer, number, value) => {
    const before = writer.length;
    write(writer, inner, value);
    writer.closeMessage(number, before);
  };
}

function repeated(write: Write): Write {
  return (writer, number, value) => {
    for (const item of (Array.isArray(value) ? value : [value]).toReversed()) write(writer, number, item);
  };
}

/** A pair of a name and a value. */
function named(write: Write): Write {
  return (writer, number, value) => {
    const [name, own] = Array.isArray(value) ? value : [];
    const before = writer.length;
    write(writer, 2, own);
    writer.text(1, String(name));
    writer.closeMessage(number, before);
  };
}

/** The members of an object as a repeated pair within a message. */
function members(write: Write, inner = 1): Write {
  return (writer, number, value) => {
    const before = writer.length;
    if (isNode(value)) repeated(named(write))(writer, inner, Object.entries(value));
    writer.closeMessage(number, before);
  };
}

const schema = message(() => schemaPlan);

const additional: Write = (writer, number, value) => {
  const before = writer.length;
  if (isNode(value)) schema(writer, 1, value);
  else {
    writer.varint(value === true ? 1 : 0);
    writer.tag(2, 0);
  }
  writer.closeMessage(number, before);
};

const schemaPlan: Plan = {
  fields: {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, any],
    multipleOf: [6, double],
    maximum: [7, double],
    exclusiveMaximum: [8, bool],
    minimum: [9, double],
    exclusiveMinimum: [10, bool],
    maxLength: [11, integer],
    minLength: [12, integer],
    pattern: [13, text],
    maxItems: [14, integer],
    minItems: [15, integer],
    uniqueItems: [16, bool],
    maxProperties: [17, integer],
    minProperties: [18, integer],
    required: [19, repeated(text)],
    enum: [20, repeated(any)],
    additionalProperties: [21, additional],
    type: [22, inside(1, repeated(text))],
    items: [23, inside(1, repeated(schema))],
    allOf: [24, repeated(schema)],
    properties: [25, members(schema)],
    readOnly: [27, bool],
    example: [30, any],
  },
  extensions: 31,
};

const bodyParameterPlan: Plan = {
  fields: {
    description: [1, text],
    name: [2, text],
    in: [3, text],
    required: [4, bool],
    schema: [5, schema],
  },
};

/** Of parameters in the query; those in a path have no `allowEmptyValue`, so that all after it count one less. */
function primitivePlan(shift: number): Plan {
  return {
    fields: {
      required: [1, bool],
      in: [2, text],
      description: [3, text],
      name: [4, text],
      type: [6 - shift, text],
      format: [7 - shift, text],
      items: [8 - shift, message(() => itemsPlan)],
      default: [10 - shift, any],
      uniqueItems: [20 - shift, bool],
    },
    extensions: 23 - shift,
  };
}

const itemsPlan: Plan = { fields: { type: [1, text], format: [2, text] } };
const [queryPlan, pathPlan] = [primitivePlan(0), primitivePlan(1)];

const parameter: Write = (writer, number, value) => {
  const place = isNode(value) ? value["in"] : undefined;
  if (place === "body")
    inside(
      1,
      message(() => bodyParameterPlan),
    )(writer, number, value);
  else if (place === "path")
    inside(
      2,
      inside(
        4,
        message(() => pathPlan),
      ),
    )(writer, number, value);
  else
    inside(
      2,
      inside(
        3,
        message(() => queryPlan),
      ),
    )(writer, number, value);
};

const parameterItem: Write = (writer, number, value) => {
  const isReference = isNode(value) && value["$ref"] !== undefined;
  if (isReference)
    inside(
      2,
      message(() => ({ fields: { $ref: [1, text] } })),
    )(writer, number, value);
  else inside(1, parameter)(writer, number, value);
};

const responsePlan: Plan = { fields: { description: [1, text], schema: [2, inside(1, schema)] } };

const securityRequirement: Write = (writer, number, value) =>
  members(message(() => ({ fields: { value: [1, repeated(text)] } })))(writer, number, value);

const operationPlan: Plan = {
  fields: {
    tags: [1, repeated(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    produces: [6, repeated(text)],
    consumes: [7, repeated(text)],
    parameters: [8, repeated(parameterItem)],
    responses: [
      9,
      members(
        inside(
          1,
          message(() => responsePlan),
        ),
      ),
    ],
    schemes: [10, repeated(text)],
    deprecated: [11, bool],
    security: [12, repeated(securityRequirement)],
  },
  extensions: 13,
};

const operation = message(() => operationPlan);

const pathItemPlan: Plan = {
  fields: {
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    options: [6, operation],
    head: [7, operation],
    patch: [8, operation],
    parameters: [9, repeated(parameterItem)],
  },
  extensions: 10,
};

const apiKeyPlan: Plan = {
  fields: { type: [1, text], name: [2, text], in: [3, text], description: [4, text] },
};

const documentPlan: Plan = {
  fields: {
    swagger: [1, text],
    info: [2, message(() => ({ fields: { title: [1, text], version: [2, text] } }))],
    paths: [
      8,
      members(
        message(() => pathItemPlan),
        2,
      ),
    ],
    definitions: [9, members(schema)],
    parameters: [10, members(parameter)],
    security: [12, repeated(securityRequirement)],
    securityDefinitions: [
      13,
      members(
        inside(
          2,
          message(() => apiKeyPlan),
        ),
      ),
    ],
  },
};
