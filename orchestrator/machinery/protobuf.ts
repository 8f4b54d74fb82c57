import type { WatchEventType } from "#api/kube/meta.ts";
import { failure } from "#api/kube/status.ts";
import { type DecodedBody, decodeParsed, type ExpectedKind } from "./body.ts";
import { DecodeError } from "./decode-error.ts";
import { decodeMessage } from "./protobuf-decode.ts";
import { encodeMessage } from "./protobuf-encode.ts";
import type { Draft } from "./resource.ts";
import type { TypeSchema } from "./schema.ts";
import { WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

/** What every protobuf body of the API starts with. */
const magic = Buffer.from("k8s\0");

/** An object's message and what it says it is, in the envelope that clients expect: `runtime.Unknown` behind the magic bytes. */
export function encodeProtobuf(schema: TypeSchema, object: Draft): Buffer {
  const writer = new WireWriter();
  writer.text(4, "");
  writer.text(3, "");
  writer.bytes(2, encodeMessage(schema, object));
  const before = writer.length;
  writer.text(2, textOf(object["kind"]));
  writer.text(1, textOf(object["apiVersion"]));
  writer.closeMessage(1, before);
  writer.raw(magic);
  return writer.finish();
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/** @throws {DecodeError} for what has no envelope */
export function openEnvelope(bytes: Uint8Array): Envelope {
  if (!magic.equals(bytes.subarray(0, magic.length))) {
    throw new DecodeError(
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  const reader = new WireReader(bytes.subarray(magic.length));
  const envelope: { apiVersion: string; kind: string; raw: Uint8Array } = {
    apiVersion: "",
    kind: "",
    raw: magic,
  };
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x0a) readTypeMeta(reader.nested(), envelope);
    else if (tag === 0x12) envelope.raw = reader.bytes();
    else reader.skip(tag & 7);
  }
  return envelope;
}

function readTypeMeta(reader: WireReader, into: { apiVersion: string; kind: string }): void {
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x0a) into.apiVersion = reader.text();
    else if (tag === 0x12) into.kind = reader.text();
    else reader.skip(tag & 7);
  }
}

/**
 * Reads the object that a client sent to an endpoint as protobuf.
 *
 * @throws {StatusError} `BadRequest` for what is no such object
 */
export function decodeProtobufBody(bytes: Uint8Array, expected: ExpectedKind): DecodedBody {
  try {
    const { apiVersion, kind, raw } = openEnvelope(bytes);
    const { schema, ...identity } = expected;
    if (schema === undefined) throw new DecodeError(`no kind ${JSON.stringify(kind)} has a protobuf message`);
    const value = { ...decodeMessage(schema, raw), apiVersion, kind };
    return decodeParsed({ value, duplicates: [] }, bytes, identity);
  } catch (error) {
    if (error instanceof DecodeError) throw failure("BadRequest", error.message);
    throw error;
  }
}

/** One event of a watch as protobuf streams have it: its length in four bytes, then `meta/v1 WatchEvent` around the object's envelope. */
export function frameWatchEvent(type: WatchEventType, object: Uint8Array): Buffer {
  const writer = new WireWriter();
  writer.bytes(1, object);
  writer.closeMessage(2, 0);
  writer.text(1, type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(writer.length);
  writer.raw(length);
  return writer.finish();
}
