import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { structsAsMaps } from "./struct-literals.ts";

const cases: readonly (readonly [string, string])[] = [
  ["object.spec.replicas + 1", "object.spec.replicas + 1"],
  ["Object{spec: Object.spec{replicas: 3}}", '{"spec": {"replicas": 3}}'],
  ["Object{ a : x ? y : z, b: [c, d] }", '{ "a" : x ? y : z, "b": [c, d] }'],
  ['[JSONPatch{op: "add", path: "/a", value: {"b": c}}]', '[{"op": "add", "path": "/a", "value": {"b": c}}]'],
  ["Object.metadata{`a.b/c`: f(x, y)}", '{"a.b/c": f(x, y)}'],
  ["'Object{a: 1}' + \"JSONPatch{b: 2}\"", "'Object{a: 1}' + \"JSONPatch{b: 2}\""],
  ["r'\\\\' + '''Object{a: 1}'''", "r'\\\\' + '''Object{a: 1}'''"],
  ["{'a': b} // Object{a: 1}", "{'a': b} // Object{a: 1}"],
  ["myObject{a: 1}", "myObject{a: 1}"],
  ['"/a/" + jsonpatch.escapeKey(object.x)', '"/a/" + escapeJsonPatchKey(object.x)'],
  ["Object{?a: object.?b}", '{"a": object.?b}'],
  ["// Object{\na{b: c}", "// Object{\na{b: c}"],
  ["Object{", "{"],
  ["}}", "}}"],
];

for (const [written, expected] of cases)
  test(`objects of types as maps: ${written}`, () => assert.equal(structsAsMaps(written), expected));

test("an expression without objects of types stays as it is", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      "(",
      ")",
      '"',
      "'",
      '"""',
      "r'",
      "\\",
      "//",
      "\n",
      "a",
      ".b",
      ":",
      ",",
    ),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const text = parts.join("");
      fc.pre(!/Object|JSONPatch|jsonpatch/.test(text));
      assert.equal(structsAsMaps(text), text);
    }),
  );
});
