import { encodeMessage } from "#orchestrator/machinery/protobuf-encode.ts";
import { encodeProtobuf, frameWatchEvent } from "#orchestrator/machinery/protobuf.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import type { TypeSchema } from "#orchestrator/machinery/schema.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { bookmarkObject, type Representation } from "./representation.ts";
import { listMetadata, type Shape } from "./shape.ts";

export interface ProtobufSchemas {
  readonly object: TypeSchema;
  /** meta/v1 ListMeta and Status. */
  readonly listMeta: TypeSchema;
  readonly status: TypeSchema;
}

const magic = Buffer.from("k8s\0");

/** Protobuf, of objects as they are or of their metadata. Messages are made once for each object. */
export function protobufRepresentation(shape: Shape, schemas: ProtobufSchemas): Representation {
  const name = shape.cacheName ?? "";
  const message = (cached: CachedObject) =>
    cached.encoded(`protobuf ${name}`, (object) => encodeMessage(schemas.object, shape.one(object)));
  const head = typeMeta(shape.apiVersion, shape.kind);
  return {
    contentType: "application/vnd.kubernetes.protobuf",
    watchContentType: "application/vnd.kubernetes.protobuf;stream=watch",
    object: (object) => encodeProtobuf(schemas.object, shape.one(object)),
    cached: (cached) => Buffer.concat([...envelope(head, [message(cached)])]),
    *list(page) {
      const metadata = encodeMessage(schemas.listMeta, listMetadata(page) as Draft);
      const pieces: Uint8Array[] = [field(1, metadata.length), metadata];
      for (const one of page.items) {
        const bytes = message(one);
        pieces.push(field(2, bytes.length), bytes);
      }
      yield* envelope(typeMeta(shape.apiVersion, shape.listKind), pieces);
    },
    watch: {
      event: (type, cached) =>
        cached.encoded(`protobuf ${type} ${name}`, () =>
          frameWatchEvent(type, Buffer.concat(envelope(head, [message(cached)]))),
        ),
      bookmark(revision, isInitialEnd) {
        const object = shape.bookmark(bookmarkObject(shape.kind, shape.apiVersion, revision, isInitialEnd));
        return frameWatchEvent("BOOKMARK", encodeProtobuf(schemas.object, object));
      },
      error: (status) => frameWatchEvent("ERROR", encodeProtobuf(schemas.status, status as unknown as Draft)),
    },
  };
}

/** runtime.Unknown around a message that comes in pieces. */
function envelope(type: Uint8Array, pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return [magic, field(1, type.length), type, field(2, length), ...pieces, emptyEnd];
}

/** contentEncoding and contentType, both empty. */
const emptyEnd = Buffer.from([0x1a, 0, 0x22, 0]);

function typeMeta(apiVersion: string, kind: string): Buffer {
  const [version, name] = [Buffer.from(apiVersion), Buffer.from(kind)];
  return Buffer.concat([field(1, version.length), version, field(2, name.length), name]);
}

/** The tag and the length of what has one. */
function field(number: number, length: number): Buffer {
  const bytes = [number * 8 + 2];
  let rest = length;
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
