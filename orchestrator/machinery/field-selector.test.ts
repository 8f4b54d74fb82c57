import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import fc from "fast-check";
import { checkFields, exactValue, matchesFields, parseFieldSelector } from "./field-selector.ts";

const pod = { metadata: { name: "a", namespace: "n" }, status: { phase: "Running" } };
const selectable = {
  "status.phase": (object: Record<string, unknown>) => (object as typeof pod).status.phase,
};

test("matchesFields: names, namespaces and the fields of a kind", () => {
  const matches = (text: string) => matchesFields(parseFieldSelector(text), pod, selectable);
  assert.ok(matches("") && matches("metadata.name=a,metadata.namespace==n,status.phase!=Failed"));
  assert.ok(!matches("metadata.name!=a") && !matches("status.phase="));
  assert.equal(exactValue(parseFieldSelector("status.phase!=x,metadata.name=a"), "metadata.name"), "a");
});

for (const [text, said] of [
  ["a", "invalid selector: 'a'; can't understand 'a'"],
  ["a=b=c", "invalid field selector: unescaped character in value: 61"],
  ["a=\\b", "invalid field selector: invalid escape sequence: \\b"],
  ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
] as const)
  test(`parseFieldSelector refuses ${text}`, () =>
    assert.throws(
      () => parseFieldSelector(text),
      (error) => isFault(error, "invalid") && error.message === said,
    ));

test("checkFields names what a kind does not know", () => {
  const spec = parseFieldSelector("spec.x=1");
  assert.throws(() => checkFields(spec, selectable), /^Fault: field label not supported: spec.x$/);
  assert.throws(
    () => checkFields(spec, undefined),
    /^Fault: "spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"$/,
  );
});

test("parseFieldSelector: a value with any characters, escaped, is read as it was", () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "\\", ",", "=", "!", " ", "é") }), (value) => {
      const text = `f=${value.replace(/[\\,=]/g, "\\$&")}`;
      assert.deepEqual(parseFieldSelector(text), [{ field: "f", isEqual: true, value }]);
    }),
  ));
