import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyMergePatch } from "#orchestrator/machinery/merge-patch.ts";
import type { PatchSchema } from "./patch-schema.ts";
import { mergePatch, strategicPatch } from "./three-way.ts";

const plain: PatchSchema = { field: () => ({ strategies: [], value: plain }) };
const schema: PatchSchema = {
  field: (name) => {
    if (name === "containers") return { strategies: ["merge"], mergeKey: "name", value: schema };
    if (name === "finalizers") return { strategies: ["merge"], value: plain };
    if (name === "strategy") return { strategies: ["retainKeys"], value: plain };
    return name === "unknown" ? undefined : { strategies: [], value: schema };
  },
};

test("strategicPatch: nothing to do is nothing, whatever others have set", () => {
  const modified = { spec: { containers: [{ name: "a", image: "1" }] } };
  const current = {
    spec: { containers: [{ name: "a", image: "1", tty: true }, { name: "theirs" }], more: 1 },
  };
  assert.deepEqual(strategicPatch({ original: modified, modified, current }, schema), {});
});

test("strategicPatch: items by their key, what left the file deleted, and the order told", () => {
  const original = { containers: [{ name: "a", image: "1", args: ["x"] }, { name: "b" }], gone: 1 };
  const modified = { containers: [{ name: "c" }, { name: "a", image: "2" }] };
  const current = { containers: [{ name: "a", image: "1", args: ["x"] }, { name: "b" }], gone: 1 };
  assert.deepEqual(strategicPatch({ original, modified, current }, schema), {
    "$setElementOrder/containers": [{ name: "c" }, { name: "a" }],
    containers: [{ name: "c" }, { image: "2", args: null, name: "a" }, { $patch: "delete", name: "b" }],
    gone: null,
  });
});

test("strategicPatch: plain lists that merge, objects that keep only their keys, fields that nobody knows", () => {
  const ways = {
    original: { finalizers: ["a", "b"], strategy: { type: "R", rolling: {} } },
    modified: { finalizers: ["b", "c"], strategy: { type: "Recreate" }, unknown: { x: 1 } },
    current: { finalizers: ["a", "b", "z"], strategy: { type: "R", rolling: {} }, unknown: { x: 2, y: 3 } },
  };
  assert.deepEqual(strategicPatch(ways, schema), {
    "$setElementOrder/finalizers": ["b", "c"],
    finalizers: ["c"],
    "$deleteFromPrimitiveList/finalizers": ["a"],
    strategy: { type: "Recreate", rolling: null, $retainKeys: ["type"] },
    unknown: { x: 1 },
  });
});

test("mergePatch: once applied there is nothing more to do, and what left the file is gone", () => {
  const objects = fc.dictionary(
    fc.constantFrom("a", "b", "c"),
    fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.integer({ max: 3, min: 0 }),
        fc.constant(null),
        fc.array(fc.integer({ max: 2, min: 0 }), { maxLength: 2 }),
        fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).value,
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(objects, objects, objects, (original, modified, current) => {
      const result = applyMergePatch(current, mergePatch({ original, modified, current }));
      assert.deepEqual(mergePatch({ original: modified, modified, current: result }), {});
      for (const key of Object.keys(original)) if (!(key in modified)) assert.equal(key in result, false);
    }),
  );
});
