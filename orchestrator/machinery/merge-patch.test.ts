import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyMergePatch } from "./merge-patch.ts";

// RFC 7396, appendix A, those where both are objects
for (const [document, patch, result] of [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  [{ a: [] }, { a: [{ b: null, c: 1 }, null] }, { a: [{ c: 1 }, null] }],
] as const)
  test(`applyMergePatch: ${JSON.stringify(document)} and ${JSON.stringify(patch)}`, () =>
    assert.deepEqual(applyMergePatch(document, patch), result));

const value = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.array(fc.integer()),
    fc.dictionary(fc.string(), tie("member")),
  ),
  member: fc.option(tie("tree")),
}));

test("applyMergePatch: applied twice is applied once, and nothing given is changed", () =>
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), value.tree),
      fc.dictionary(fc.string(), value.member),
      (document, patch) => {
        const texts = JSON.stringify([document, patch]);
        const once = applyMergePatch(document, patch);
        assert.deepEqual(applyMergePatch(once, patch), once);
        assert.equal(JSON.stringify([document, patch]), texts);
      },
    ),
  ));
