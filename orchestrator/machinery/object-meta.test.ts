import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectMeta } from "#api/kube/meta.ts";
import { managerErrors, objectMetaErrors, objectMetaUpdateErrors } from "./object-meta.ts";

const good: ObjectMeta = { name: "a", namespace: "n", uid: "u", resourceVersion: "1", generation: 2 };

function shown(errors: readonly { readonly field: string; readonly message: string }[]): readonly string[] {
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

test("objectMetaErrors: a good object has none", () => {
  const labels = { "example.com/a": "b" };
  const meta = { ...good, labels, annotations: { "Example.com/A": "any\ntext" }, finalizers: ["x/y"] };
  assert.deepEqual(objectMetaErrors(meta, true, "dns-subdomain"), []);
});

test("objectMetaErrors: each rule is told in the words of the API", () => {
  assert.deepEqual(
    shown(
      objectMetaErrors(
        {
          labels: { a: "-" },
          annotations: { a: "x".repeat(300_000) },
          generation: -1,
          ownerReferences: [
            { apiVersion: "v1", kind: "Event", name: "e", uid: "u", controller: true },
            { apiVersion: "a/b/c", kind: "K", name: "", uid: "v", controller: true },
          ],
          finalizers: ["orphan", "foregroundDeletion"],
          managedFields: [{ operation: "Other" as "Apply", fieldsType: "x" as "FieldsV1" }],
        },
        true,
        "dns-label",
      ),
    ).map((text) => text.replace(/(a valid label).*/, "$1 …")),
    [
      "metadata.name: Required value: name or generateName is required",
      "metadata.namespace: Required value",
      "metadata.generation: Invalid value: -1: must be greater than or equal to 0",
      'metadata.labels: Invalid value: "-": a valid label …',
      "metadata.annotations: Too long: may not be more than 262144 bytes",
      'metadata.ownerReferences[0]: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is disallowed from being an owner',
      "metadata.ownerReferences[1].name: Required value: must not be empty",
      'metadata.ownerReferences[1].apiVersion: Invalid value: "a/b/c": must be <group>/<version> or <version>',
      'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","controller":true,"kind":"Event","name":"e","uid":"u"},{"apiVersion":"a/b/c","controller":true,"kind":"K","name":"","uid":"v"}]: Only one reference can have Controller set to true. Found "true" in references for Event/e and K/',
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
      'metadata.managedFields[0].operation: Unsupported value: "Other": supported values: "Apply", "Update"',
      'metadata.managedFields[0].fieldsType: Invalid value: "x": must be `FieldsV1`',
    ],
  );
  assert.deepEqual(shown(objectMetaErrors({ name: "a", namespace: "n" }, false, "dns-label")), [
    "metadata.namespace: Forbidden: not allowed on this type",
  ]);
});

test("objectMetaUpdateErrors: what names an object stays, and finalizers do not grow while it goes", () => {
  const old = { ...good, deletionTimestamp: "2024-01-01T00:00:00Z", finalizers: ["a/a"] };
  assert.deepEqual(objectMetaUpdateErrors(old, old), []);
  const next = { ...old, uid: "other", resourceVersion: "", generation: 1, finalizers: ["a/a", "b/b"] };
  assert.deepEqual(shown(objectMetaUpdateErrors(next, old)), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"b/b"}',
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
    "metadata.generation: Invalid value: 1: must not be decremented",
    'metadata.uid: Invalid value: "other": field is immutable',
  ]);
});

test("managerErrors: what cannot be printed is named", () => {
  assert.deepEqual(managerErrors("kubectl", "fieldManager"), []);
  assert.deepEqual(shown(managerErrors("é\n", "fieldManager")), [
    'fieldManager: Invalid value: "é\\n": invalid character U+000A (at position 2)',
  ]);
});
