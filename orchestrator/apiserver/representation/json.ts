import { rememberLine } from "#client/streams.ts";
import type { CachedObject } from "../cache/cached-object.ts";
import { bookmarkObject, type Representation } from "./representation.ts";
import { listMetadata, type Shape } from "./shape.ts";

const encoder = new TextEncoder();
const comma = encoder.encode(",");
const listEnd = encoder.encode("]}\n");

/** JSON of whatever shape. What was written once is not written again where it cannot be different. */
export function jsonRepresentation(shape: Shape, isPretty: boolean): Representation {
  const indent = isPretty ? 2 : undefined;
  const json = (value: unknown) => encoder.encode(`${JSON.stringify(value, undefined, indent)}\n`);
  const isPlain = shape.cacheName === "plain";
  const item = (cached: CachedObject): Uint8Array => {
    if (isPlain) return cached.json;
    const encode = () => encoder.encode(JSON.stringify(shape.item(cached.object)));
    return shape.cacheName === undefined ? encode() : cached.encoded(`json ${shape.cacheName}`, encode);
  };
  return {
    contentType: "application/json",
    watchContentType: "application/json",
    object: (object) => json(shape.one(object)),
    cached: (cached) =>
      isPlain && !isPretty ? Buffer.concat([cached.json, newline]) : json(shape.one(cached.object)),
    *list(page) {
      const head = {
        kind: shape.listKind,
        apiVersion: shape.apiVersion,
        metadata: listMetadata(page),
        ...shape.listExtras,
      };
      if (isPretty) {
        yield json({ ...head, [shape.itemsField]: page.items.map(({ object }) => shape.item(object)) });
        return;
      }
      yield encoder.encode(`${JSON.stringify(head).slice(0, -1)},"${shape.itemsField}":[`);
      for (const [index, one] of page.items.entries()) {
        if (index > 0) yield comma;
        yield item(one);
      }
      yield listEnd;
    },
    watch: {
      event(type, cached) {
        if (isPlain) return cached.frame(type);
        const value = () => ({ type, object: shape.one(cached.object) });
        const encode = () => encoder.encode(`${JSON.stringify(value())}\n`);
        if (shape.cacheName === undefined) return encode();
        return cached.encoded(`watch ${type} ${shape.cacheName}`, () => {
          const line = encode();
          rememberLine(line, value);
          return line;
        });
      },
      bookmark(revision, isInitialEnd) {
        const object = shape.bookmark(bookmarkObject(shape.kind, shape.apiVersion, revision, isInitialEnd));
        return encoder.encode(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
      },
      error: (status) => encoder.encode(`${JSON.stringify({ type: "ERROR", object: status })}\n`),
    },
  };
}

const newline = encoder.encode("\n");
