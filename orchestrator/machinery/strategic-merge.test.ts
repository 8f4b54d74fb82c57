import assert from "node:assert/strict";
import { test } from "node:test";
import { isStatus } from "#api/kube/status.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import fc from "fast-check";
import type { Draft } from "./resource.ts";
import { applyStrategicMergePatch } from "./strategic-merge.ts";

const schema = schemaOf("io.k8s.api.core.v1.Pod");

function patched(spec: Draft, patch: Draft): unknown {
  return applyStrategicMergePatch({ spec }, { spec: patch }, schema)["spec"];
}

const containers = [
  { name: "a", image: "x", env: [{ name: "E", value: "1" }] },
  { name: "b", image: "y" },
];

test("a list is merged by its key: what the patch names comes in its order, others where they stood", () =>
  assert.deepEqual(patched({ containers }, { containers: [{ name: "c" }, { name: "a", image: "z" }] }), {
    containers: [{ name: "c" }, { ...containers[0], image: "z" }, { name: "b", image: "y" }],
  }));

test("$patch: delete takes an item out, $patch: replace a whole list or object", () => {
  assert.deepEqual(patched({ containers }, { containers: [{ name: "a", $patch: "delete" }] }), {
    containers: [containers[1]],
  });
  assert.deepEqual(patched({ containers }, { containers: [{ name: "q" }, { $patch: "replace" }] }), {
    containers: [{ name: "q" }],
  });
  assert.deepEqual(patched({ nodeSelector: { a: "b" } }, { nodeSelector: { $patch: "replace", c: "d" } }), {
    nodeSelector: { c: "d" },
  });
  assert.deepEqual(patched({ nodeSelector: { a: "b" } }, { nodeSelector: { $patch: "delete" } }), {
    nodeSelector: {},
  });
});

test("$setElementOrder puts items in order, others stay where they stood", () =>
  assert.deepEqual(
    patched(
      { containers: [{ name: "sidecar" }, ...containers] },
      {
        containers: [{ name: "c" }],
        "$setElementOrder/containers": [{ name: "c" }, { name: "b" }, { name: "a" }],
      },
    ),
    { containers: [{ name: "c" }, { name: "sidecar" }, containers[1], containers[0]] },
  ));

test("lists of scalars are united, and shrink by $deleteFromPrimitiveList", () => {
  const metadata = { finalizers: ["a/a", "b/b"] };
  const patch = { "$deleteFromPrimitiveList/finalizers": ["a/a"], finalizers: ["c/c", "b/b"] };
  assert.deepEqual(applyStrategicMergePatch({ metadata }, { metadata: patch }, schema), {
    metadata: { finalizers: ["c/c", "b/b"] },
  });
});

test("$retainKeys clears what it does not name", () =>
  assert.deepEqual(
    patched(
      { volumes: [{ name: "v", emptyDir: {} }] },
      { volumes: [{ name: "v", hostPath: { path: "/" }, $retainKeys: ["name", "hostPath"] }] },
    ),
    { volumes: [{ name: "v", hostPath: { path: "/" } }] },
  ));

test("null removes, lists without a key are replaced, nulls in what is new vanish", () =>
  assert.deepEqual(
    patched(
      { nodeName: "n", tolerations: [{ key: "a" }], containers: [] },
      { nodeName: null, tolerations: [{ key: "b" }], securityContext: { runAsUser: null, runAsGroup: 1 } },
    ),
    { tolerations: [{ key: "b" }], containers: [], securityContext: { runAsGroup: 1 } },
  ));

for (const [patch, code, said] of [
  [{ containers: [{ image: "x" }] }, 500, "map: map[image:x] does not contain declared merge key: name"],
  [
    { containers: [{ name: "a", $patch: "no" }] },
    500,
    "unknown patch type: no in map: map[$patch:no name:a]",
  ],
  [{ $retainKeys: 1 }, 400, "invalid patch format of retainKeys"],
  [{ $retainKeys: ["a"], b: 1 }, 400, "invalid patch format of retainKeys"],
  [{ "$setElementOrder-containers": [] }, 400, "invalid patch format of setElementOrder list"],
  [{ $deleteFromPrimitiveList: [] }, 400, "invalid patch format of primitive list"],
  [
    { "$setElementOrder/containers": {} },
    500,
    "expected a []interface {}, but received a map[string]interface {}",
  ],
  [{ containers: [{ name: "a" }, 1] }, 500, "list element types are not identical"],
  [{ containers: [[]] }, 422, "the server rejected our request due to an error in our request"],
] as const)
  test(`applyStrategicMergePatch refuses ${JSON.stringify(patch)}`, () =>
    assert.throws(
      () => patched({ containers: JSON.stringify(patch).includes("[[") ? [[]] : containers }, patch),
      (error) => isStatus(error) && error.code === code && error.message.startsWith(said),
    ));

const name = fc.constantFrom("a", "b", "c");
const item = fc.record(
  { name, image: fc.constantFrom("x", "y"), $patch: fc.constantFrom("delete", "replace") },
  { requiredKeys: ["name"] },
);
const spec = fc.record(
  {
    containers: fc.uniqueArray(item, { selector: (each) => each.name }),
    nodeSelector: fc.dictionary(name, fc.option(name)),
    nodeName: fc.option(name),
    "$setElementOrder/containers": fc.uniqueArray(fc.record({ name }), { selector: (each) => each.name }),
  },
  { requiredKeys: [] },
);

test("nothing given is changed, and an empty patch changes nothing", () =>
  fc.assert(
    fc.property(spec, spec, (given, patch) => {
      const { "$setElementOrder/containers": _, ...object } = given;
      const texts = JSON.stringify([object, patch]);
      try {
        patched(object, patch);
      } catch (error) {
        assert.ok(isStatus(error));
      }
      assert.equal(JSON.stringify([object, patch]), texts);
      assert.deepEqual(patched(object, {}), object);
    }),
  ));
