import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "./fault.ts";
import { bigInt, blobs, bool, bytes, int, many, map, message, sub, text, texts } from "./protobuf.ts";

const inner = message({ name: text(1), size: int(2) });
const outer = message({
  text: text(1),
  data: bytes(2),
  flag: bool(3),
  number: int(4),
  big: bigInt(5),
  one: sub(6, inner),
  list: many(7, inner),
  words: texts(8),
  pieces: blobs(9),
  attrs: map(200, text),
});

const record = <T extends object>(model: { [Name in keyof T]: fc.Arbitrary<T[Name]> }) =>
  fc.record(model, { noNullPrototype: true });

test("message: what is written is read again", () => {
  fc.assert(
    fc.property(
      record({
        text: fc.string({ unit: "grapheme" }),
        data: fc.uint8Array(),
        flag: fc.boolean(),
        number: fc.maxSafeInteger(),
        big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        one: record({ name: fc.string(), size: fc.nat() }),
        list: fc.array(record({ name: fc.string(), size: fc.nat() })),
        words: fc.array(fc.string()),
        pieces: fc.array(fc.uint8Array()),
        attrs: fc.array(fc.tuple(fc.string(), fc.string())).map((pairs) => new Map(pairs)),
      }),
      (value) => assert.deepEqual(outer.decode(outer.encode(value)), value),
    ),
  );
});

test("message: any bytes are a message or a fault, and unknown fields are skipped", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
      try {
        outer.decode(given);
      } catch (error) {
        if (!isFault(error, "invalid")) throw error;
      }
    }),
  );
  const later = message({ text: text(1), more: text(300), other: int(301) });
  assert.equal(outer.decode(later.encode({ text: "a", more: "b", other: 5 })).text, "a");
});

test("message: a small message cannot ask for any amount of memory", () => {
  assert.throws(
    () => outer.decode(new Uint8Array(1_000_000).map((_, at) => (at % 2 === 0 ? 0x3a : 0))),
    (error) => isFault(error, "invalid"),
  );
});
