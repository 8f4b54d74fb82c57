import type { Draft } from "./resource.ts";
import type { TypeSchema, ValueSchema } from "./schema.ts";
import { isObject } from "./is-object.ts";
import { type WirePlan, wirePlanOf } from "./wire-plan.ts";
import { WireWriter } from "./wire-writer.ts";

/** The message of an object, without an envelope. Fields that protobuf does not carry are left out. */
export function encodeMessage(schema: TypeSchema, object: Draft): Buffer {
  const writer = new WireWriter();
  writeObject(writer, wirePlanOf(schema), object);
  return writer.finish();
}

function writeObject(writer: WireWriter, plan: WirePlan, object: Draft): void {
  for (let at = plan.members.length - 1; at >= 0; at--) {
    const member = plan.members[at];
    if (member === undefined) continue;
    if (member.embedded !== undefined) writeEmbedded(writer, member.number, member.embedded, object);
    else {
      const value = object[member.field.name];
      if (value !== undefined && value !== null) writeField(writer, member.number, member.field.value, value);
    }
  }
}

function writeEmbedded(writer: WireWriter, number: number, plan: WirePlan, object: Draft): void {
  const before = writer.length;
  writeObject(writer, plan, object);
  if (writer.length > before) writer.closeMessage(number, before);
}

function writeField(writer: WireWriter, number: number, schema: ValueSchema, value: unknown): void {
  switch (schema.kind) {
    case "list": {
      if (!Array.isArray(value)) return;
      const before = writer.length;
      const own = schema.isWrapped ? 1 : number;
      for (let at = value.length - 1; at >= 0; at--) writeField(writer, own, schema.items, value[at]);
      if (schema.isWrapped) writer.closeMessage(number, before);
      return;
    }
    case "map":
      if (isObject(value)) writeMap(writer, number, schema.values, value);
      return;
    default:
      writeSingle(writer, number, schema, value);
  }
}

function writeMap(writer: WireWriter, number: number, values: ValueSchema, map: Draft): void {
  for (const key of Object.keys(map).reverse()) {
    const before = writer.length;
    writeField(writer, 2, values, map[key]);
    writer.text(1, key);
    writer.closeMessage(number, before);
  }
}

function writeSingle(writer: WireWriter, number: number, schema: ValueSchema, value: unknown): void {
  switch (schema.kind) {
    case "string":
      writer.text(number, String(value));
      return;
    case "bytes":
      writer.bytes(number, Buffer.from(String(value), "base64"));
      return;
    case "boolean":
      writer.varint(value === true ? 1 : 0);
      writer.tag(number, 0);
      return;
    case "integer":
      writer.int(Number(value));
      writer.tag(number, 0);
      return;
    case "number":
      writer.double(Number(value));
      writer.tag(number, 1);
      return;
    default:
      writeMessage(writer, number, schema, value);
  }
}

function writeMessage(writer: WireWriter, number: number, schema: ValueSchema, value: unknown): void {
  const before = writer.length;
  switch (schema.kind) {
    case "object":
      if (isObject(value)) writeObject(writer, wirePlanOf(schema.type), value);
      break;
    case "time":
    case "micro-time":
      writeTime(writer, typeof value === "string" ? value : "");
      break;
    case "quantity":
      writer.text(1, String(value));
      break;
    case "int-or-string":
      writeIntOrString(writer, value);
      break;
    case "any":
      writer.bytes(1, Buffer.from(JSON.stringify(value)));
      break;
    case "schema-or":
      writeAlternative(writer, schema, value);
      break;
    default:
      return;
  }
  writer.closeMessage(number, before);
}

function writeTime(writer: WireWriter, text: string): void {
  if (text === "") return;
  const micros = Number(/\.(\d{6})/.exec(text)?.[1] ?? 0);
  writer.varint(micros * 1000);
  writer.tag(2, 0);
  writer.int(Math.floor(Date.parse(text) / 1000));
  writer.tag(1, 0);
}

function writeIntOrString(writer: WireWriter, value: unknown): void {
  const isText = typeof value === "string";
  writer.text(3, isText ? value : "");
  writer.int(isText ? 0 : Number(value));
  writer.tag(2, 0);
  writer.varint(isText ? 1 : 0);
  writer.tag(1, 0);
}

function writeAlternative(
  writer: WireWriter,
  schema: ValueSchema & { readonly kind: "schema-or" },
  value: unknown,
): void {
  const { or, type } = schema;
  const asObject: ValueSchema = { kind: "object", type, isAtomic: false };
  if (Array.isArray(value)) {
    const items: ValueSchema = or === "array" ? asObject : { kind: "string", enum: undefined };
    for (let at = value.length - 1; at >= 0; at--) writeField(writer, 2, items, value[at]);
    return;
  }
  if (or === "boolean") {
    if (isObject(value)) writeField(writer, 2, asObject, value);
    writer.varint(value === false ? 0 : 1);
    writer.tag(1, 0);
    return;
  }
  writeField(writer, 1, asObject, value);
}
