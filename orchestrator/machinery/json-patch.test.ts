import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import fc from "fast-check";
import { applyJsonPatch } from "./json-patch.ts";

const document = { a: { b: [1, 2, 3], "x/y": { "~": 1 } }, c: null };

test("applyJsonPatch: each operation does what RFC 6902 says", () => {
  const cases: readonly (readonly [object, object])[] = [
    [
      { op: "add", path: "/d", value: { e: 1 } },
      { ...document, d: { e: 1 } },
    ],
    [
      { op: "add", path: "/a/b/1", value: 9 },
      { ...document, a: { ...document.a, b: [1, 9, 2, 3] } },
    ],
    [
      { op: "add", path: "/a/b/-", value: 9 },
      { ...document, a: { ...document.a, b: [1, 2, 3, 9] } },
    ],
    [
      { op: "remove", path: "/a/b/-1" },
      { ...document, a: { ...document.a, b: [1, 2] } },
    ],
    [
      { op: "remove", path: "/a/x~1y/~0" },
      { ...document, a: { ...document.a, "x/y": {} } },
    ],
    [
      { op: "replace", path: "/new", value: 1 },
      { ...document, new: 1 },
    ],
    [{ op: "replace", path: "", value: { z: 1 } }, { z: 1 }],
    [
      { op: "move", from: "/a/b/0", path: "/c" },
      { a: { ...document.a, b: [2, 3] }, c: 1 },
    ],
    [
      { op: "copy", from: "/a/b", path: "/c" },
      { ...document, c: [1, 2, 3] },
    ],
    [{ op: "test", path: "/missing", value: null }, document],
    [{ op: "test", path: "/a/x~1y", value: { "~": 1 } }, document],
    [
      { op: "add", path: "/__proto__", value: 1 },
      JSON.parse(`{"__proto__":1,"a":${JSON.stringify(document.a)},"c":null}`),
    ],
  ];
  const before = structuredClone(document);
  for (const [operation, result] of cases) {
    assert.deepEqual(applyJsonPatch(document, [operation]), result);
    assert.deepEqual(document, before);
  }
});

for (const [operation, said] of [
  [{ op: "nop" }, "Unexpected kind: nop"],
  [{ path: "/a" }, "Unexpected kind: unknown"],
  [{ op: "add", value: 1 }, "add operation failed to decode path: missing value"],
  [
    { op: "add", path: "/q/r", value: 1 },
    'add operation does not apply: doc is missing path: "/q/r": missing value',
  ],
  [
    { op: "add", path: "/c/r", value: 1 },
    'add operation does not apply: doc is missing path: "/c/r": missing value',
  ],
  [
    { op: "add", path: "/a/b/9", value: 1 },
    "error in add for path: '/a/b/9': Unable to access invalid index: 9: invalid index referenced",
  ],
  [
    { op: "add", path: "/a/b/x", value: 1 },
    "error in add for path: '/a/b/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
  ],
  [
    { op: "remove", path: "/q" },
    "error in remove for path: '/q': Unable to remove nonexistent key: q: missing value",
  ],
  [
    { op: "replace", path: "/a/b/3", value: 1 },
    "replace operation does not apply: doc is missing key: /a/b/3: missing value",
  ],
  [{ op: "test", path: "/a/b/0", value: 2 }, "testing value /a/b/0 failed: test failed"],
  [
    { op: "move", path: "/a" },
    "move operation failed to decode from: operation, missing from field: missing value",
  ],
  [
    { op: "copy", from: "/a/b", path: "/x/y" },
    "copy operation does not apply: doc is missing destination path: /x/y: missing value",
  ],
] as const)
  test(`applyJsonPatch refuses ${JSON.stringify(operation)}`, () =>
    assert.throws(
      () => applyJsonPatch(document, [operation]),
      (error) => isFault(error, "invalid") && error.message === said,
    ));

test("applyJsonPatch: copies of copies end at three mebibytes", () => {
  const double = { op: "copy", from: "/a", path: "/a/-" };
  assert.throws(
    () =>
      applyJsonPatch(
        { a: ["x".repeat(1000)] },
        Array.from({ length: 40 }, () => double),
      ),
    /accumulated size increase of copy is \d+, exceeding the limit 3145728/,
  );
});

const value = fc.jsonValue({ maxDepth: 2 });

test("applyJsonPatch: a test of what was added succeeds, and removing it gives the document back", () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), fc.string(), value, (object, name, added) => {
      fc.pre(!Object.hasOwn(object, name));
      const path = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      const patched = applyJsonPatch(object, [
        { op: "add", path, value: added },
        { op: "test", path, value: added },
        { op: "remove", path },
      ]);
      assert.deepEqual(Object.entries(patched), Object.entries(object));
    }),
  ));

test("applyJsonPatch leaves its document alone and fails with faults only", () => {
  const path = fc
    .array(fc.constantFrom("a", "b", "0", "-", "-1", "", "c"))
    .map((parts) => parts.map((part) => `/${part}`).join(""));
  const operation = fc.record(
    { op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"), path, from: path, value },
    { requiredKeys: ["op"] },
  );
  const given = { a: { b: [1, { c: [] }], c: {} }, b: ["x"] };
  const text = JSON.stringify(given);
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      try {
        applyJsonPatch(given, operations);
      } catch (error) {
        assert.ok(isFault(error, "invalid"));
      }
      assert.equal(JSON.stringify(given), text);
    }),
  );
});
