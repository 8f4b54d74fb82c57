import { DecodeError } from "./decode-error.ts";
import type { Draft } from "./resource.ts";
import type { FieldSchema, ListSchema, TypeSchema, ValueSchema } from "./schema.ts";
import { addAlways } from "./schema-decode.ts";
import { type WirePlan, wirePlanOf } from "./wire-plan.ts";
import { WireReader } from "./wire-reader.ts";

/** Deeper than any honest message. */
const maxDepth = 200;

/**
 * The object of a message as its JSON would have it: fields with the zero that upstream does not write are absent. Unknown fields are
 * skipped.
 *
 * @throws {DecodeError} for what is no such message
 */
export function decodeMessage(schema: TypeSchema, bytes: Uint8Array): Draft {
  return readObject(new WireReader(bytes), schema, 0);
}

function readObject(reader: WireReader, schema: TypeSchema, depth: number): Draft {
  if (depth > maxDepth) throw new DecodeError("exceeded max depth");
  const object: Draft = {};
  readMembers(reader, wirePlanOf(schema), object, depth);
  addAlways(schema, object);
  return object;
}

function readMembers(reader: WireReader, plan: WirePlan, object: Draft, depth: number): void {
  while (!reader.isDone) {
    const tag = reader.tag();
    const member = plan.byNumber.get(tag >>> 3);
    if (member === undefined) reader.skip(tag & 7);
    else if (member.embedded !== undefined) readMembers(reader.nested(), member.embedded, object, depth + 1);
    else readField(reader, member.field, tag & 7, object, depth);
  }
}

function readField(reader: WireReader, field: FieldSchema, wire: number, object: Draft, depth: number): void {
  const { name, value: schema } = field;
  if (schema.kind === "list") readItem(reader, schema, wire, listOf(object, name), depth);
  else if (schema.kind === "map") readEntry(reader, schema.values, object, name, depth);
  else {
    const value = readValue(reader, schema, wire, depth);
    const isDropped = field.presence === "nonzero" && (value === "" || value === 0 || value === false);
    if (value !== undefined && !isDropped) object[name] = value;
  }
}

function listOf(object: Draft, name: string): unknown[] {
  const known = object[name];
  if (Array.isArray(known)) return known;
  const list: unknown[] = [];
  object[name] = list;
  return list;
}

function readItem(
  reader: WireReader,
  schema: ListSchema,
  wire: number,
  list: unknown[],
  depth: number,
): void {
  const { items } = schema;
  if (schema.isWrapped) {
    const inner = reader.nested();
    while (!inner.isDone) {
      const tag = inner.tag();
      if (tag >>> 3 === 1) list.push(readValue(inner, items, tag & 7, depth));
      else inner.skip(tag & 7);
    }
  } else if (wire === 2 && (items.kind === "integer" || items.kind === "boolean")) {
    for (const packed = reader.nested(); !packed.isDone; ) list.push(readValue(packed, items, 0, depth));
  } else list.push(readValue(reader, items, wire, depth));
}

function readEntry(
  reader: WireReader,
  values: ValueSchema,
  object: Draft,
  name: string,
  depth: number,
): void {
  const entry = reader.nested();
  let key = "";
  let value: unknown;
  const list: unknown[] = [];
  while (!entry.isDone) {
    const tag = entry.tag();
    if (tag >>> 3 === 1) key = entry.text();
    else if (tag >>> 3 !== 2) entry.skip(tag & 7);
    else if (values.kind === "list") readItem(entry, values, tag & 7, list, depth);
    else value = readValue(entry, values, tag & 7, depth);
  }
  const map = object[name] ?? {};
  // A key may be `__proto__`, which assignment would not make a member.
  Object.defineProperty(map, key, {
    value: values.kind === "list" ? list : (value ?? emptyOf(values)),
    enumerable: true,
    configurable: true,
    writable: true,
  });
  object[name] = map;
}

function emptyOf(schema: ValueSchema): unknown {
  if (schema.kind === "object") return {};
  if (schema.kind === "time") return null;
  return schema.kind === "quantity" ? "0" : "";
}

function expect(wire: number, wanted: number): void {
  if (wire !== wanted) throw new DecodeError(`proto: wrong wireType = ${wire}`);
}

function readValue(reader: WireReader, schema: ValueSchema, wire: number, depth: number): unknown {
  switch (schema.kind) {
    case "boolean":
      expect(wire, 0);
      return reader.varint() !== 0;
    case "integer":
      expect(wire, 0);
      return reader.int();
    case "number":
      expect(wire, 1);
      return reader.double();
    default:
      expect(wire, 2);
      return readDelimited(reader, schema, depth);
  }
}

function readDelimited(reader: WireReader, schema: ValueSchema, depth: number): unknown {
  switch (schema.kind) {
    case "string":
      return reader.text();
    case "bytes":
      return reader.bytes().toString("base64");
    case "object":
      return readObject(reader.nested(), schema.type, depth + 1);
    case "time":
    case "micro-time":
      return readTime(reader.nested(), schema.kind === "micro-time");
    case "quantity":
      return readSmall(reader.nested()).texts[1] ?? "0";
    case "int-or-string": {
      const { numbers, texts } = readSmall(reader.nested());
      return numbers[1] === 1 ? (texts[3] ?? "") : (numbers[2] ?? 0);
    }
    case "any":
      return readAny(reader.nested());
    case "schema-or":
      return readAlternative(reader.nested(), schema, depth + 1);
    default:
      throw new DecodeError(`proto: a ${schema.kind} within a list`);
  }
}

interface Small {
  readonly numbers: Record<number, number>;
  readonly texts: Record<number, string>;
}

/** A message of a few scalars. */
function readSmall(reader: WireReader): Small {
  const small: Small = { numbers: {}, texts: {} };
  while (!reader.isDone) {
    const tag = reader.tag();
    if ((tag & 7) === 0) small.numbers[tag >>> 3] = reader.int();
    else if ((tag & 7) === 2) small.texts[tag >>> 3] = reader.text();
    else reader.skip(tag & 7);
  }
  return small;
}

const maxSeconds = 253_402_300_799; // the end of the year 9999

function readTime(reader: WireReader, hasMicros: boolean): string | undefined {
  if (reader.isDone) return undefined; // the zero time
  const { numbers } = readSmall(reader);
  const [seconds, nanos] = [numbers[1] ?? 0, numbers[2] ?? 0];
  if (Math.abs(seconds) > maxSeconds) throw new DecodeError("year outside of range [0,9999]");
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (!hasMicros) return `${whole}Z`;
  return `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z`;
}

function readAny(reader: WireReader): unknown {
  let text = "";
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag >>> 3 === 1) text = reader.text();
    else reader.skip(tag & 7);
  }
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new DecodeError("a raw extension is no JSON");
  }
}

function readAlternative(
  reader: WireReader,
  schema: ValueSchema & { readonly kind: "schema-or" },
  depth: number,
): unknown {
  const { or, type } = schema;
  const list: unknown[] = [];
  let single: unknown;
  let allows = false;
  while (!reader.isDone) {
    const number = reader.tag() >>> 3;
    if (or === "boolean" && number === 1) allows = reader.varint() !== 0;
    else if (number === 1 || or === "boolean") single = readObject(reader.nested(), type, depth);
    else list.push(or === "array" ? readObject(reader.nested(), type, depth) : reader.text());
  }
  return single ?? (or === "boolean" ? allows : list);
}
