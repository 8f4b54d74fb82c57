import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { endsWithLineFeed, isStringInside, unescapeInto } from "./json-text.ts";

function unescape(inside: string): string | undefined {
  const source = Buffer.from(inside);
  const target = Buffer.alloc(source.length);
  const end = unescapeInto(source, 0, source.length, target, 0);
  return end < 0 ? undefined : target.toString("utf8", 0, end);
}

test("unescapeInto: gives what JSON.parse gives, for any text and any choice of escapes", () => {
  const escapes = fc.constantFrom('\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t");
  const unit = fc.nat(0xffff).map((value) => `\\u${value.toString(16).padStart(4, "0")}`);
  const surrogate = fc.integer({ min: 0xd800, max: 0xdfff }).map((value) => `\\u${value.toString(16)}`);
  const plain = fc.string({ unit: "binary" }).map((text) => JSON.stringify(text).slice(1, -1));
  fc.assert(
    fc.property(fc.array(fc.oneof(escapes, unit, surrogate, plain)), (parts) => {
      const inside = parts.join("");
      assert.equal(unescape(inside), (JSON.parse(`"${inside}"`) as string).toWellFormed());
    }),
  );
});

test("unescapeInto: refuses exactly what is not the inside of a JSON string", () => {
  const part = fc.constantFrom("\\", '"', "u", "d83d", "de00", "0", "n", "a", "\\u", "\\n", "é");
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const inside = parts.join("");
      let expected: string | undefined;
      try {
        expected = (JSON.parse(`"${inside}"`) as string).toWellFormed();
      } catch {
        expected = undefined;
      }
      assert.equal(unescape(inside), expected);
    }),
  );
});

test("endsWithLineFeed: tells an escaped line feed from a backslash before an n", () => {
  for (const [inside, expected] of [
    ["\\n", true],
    ["a\\n", true],
    ["\\\\n", false],
    ["\\\\\\n", true],
    ["n", false],
    ["", false],
    ["\\nx", false],
  ] as const) {
    const bytes = Buffer.from(inside);
    assert.equal(endsWithLineFeed(bytes, 0, bytes.length), expected, inside);
  }
});

test("isStringInside: sees a quote that is not escaped and an escape that is cut off", () => {
  const check = (inside: string) => isStringInside(Buffer.from(inside), 0, Buffer.byteLength(inside));
  assert.ok(check('a\\"b\\\\'));
  assert.ok(!check('a"b'));
  assert.ok(!check('a\\\\"b'));
  assert.ok(!check("a\\"));
});
