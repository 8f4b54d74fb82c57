import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManagedFieldsEntry } from "#api/kube/meta.ts";
import { isStatus } from "#api/kube/status.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import fc from "fast-check";
import type { Draft } from "../resource.ts";
import { applyFields, type FieldWrite, ignoredFields, managerOf, updateManagedFields } from "./apply.ts";
import { builtInTypes, emptyObject } from "./built-in.ts";

const schema = schemaOf("io.k8s.api.apps.v1.Deployment");
const deployment: FieldWrite = {
  types: builtInTypes(new Map([["apps/v1", schema]])),
  apiVersion: "apps/v1",
  kind: "Deployment",
  subresource: "",
  manager: "m",
  ignored: ignoredFields("", true),
  empty: emptyObject(schema),
  now: new Date("2026-01-02T03:04:05.678Z"),
};
const head = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: "n" } };

function apply(manager: string, live: Draft | undefined, spec: Draft, force = false): Draft {
  return applyFields({ ...deployment, manager, force }, live, { ...head, spec });
}

function specOf(object: Draft): unknown {
  return object["spec"];
}

function ownersOf(object: Draft): Readonly<Record<string, unknown>> {
  const { managedFields = [] } = object["metadata"] as { managedFields?: readonly ManagedFieldsEntry[] };
  return Object.fromEntries(
    managedFields.map(({ manager, operation, fieldsV1 }) => [`${manager} ${operation}`, fieldsV1]),
  );
}

test("updateManagedFields: whoever creates an object owns what it set, as upstream writes it", () => {
  const object: Draft = {
    ...emptyObject(schema),
    ...head,
    metadata: { ...head.metadata, uid: "u", labels: { app: "x" } },
    spec: {
      ...(emptyObject(schema)["spec"] as Draft),
      replicas: 1,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%" } },
      template: {
        metadata: { labels: { app: "x" } },
        spec: {
          containers: [
            { name: "c", image: "i", resources: {}, ports: [{ containerPort: 80, protocol: "TCP" }] },
          ],
          volumes: [{ name: "v", emptyDir: {} }],
        },
      },
    },
    status: { replicas: 1 },
  };
  updateManagedFields({ ...deployment, manager: "kubectl-create" }, undefined, object);
  assert.deepEqual((object["metadata"] as Draft)["managedFields"], [
    {
      manager: "kubectl-create",
      operation: "Update",
      apiVersion: "apps/v1",
      time: "2026-01-02T03:04:05Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
        "f:spec": {
          "f:replicas": {},
          "f:strategy": { "f:rollingUpdate": { ".": {}, "f:maxSurge": {} }, "f:type": {} },
          "f:template": {
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": {
              "f:containers": {
                'k:{"name":"c"}': {
                  ".": {},
                  "f:image": {},
                  "f:name": {},
                  "f:ports": {
                    ".": {},
                    'k:{"containerPort":80,"protocol":"TCP"}': {
                      ".": {},
                      "f:containerPort": {},
                      "f:protocol": {},
                    },
                  },
                  "f:resources": {},
                },
              },
              "f:volumes": { ".": {}, 'k:{"name":"v"}': { ".": {}, "f:emptyDir": {}, "f:name": {} } },
            },
          },
        },
      },
    },
  ]);
});

test("updateManagedFields: a change takes fields from others, in an entry for each subresource", () => {
  const live = apply("a", undefined, { replicas: 1, paused: true });
  const next: Draft = { ...live, spec: { replicas: 2, paused: true }, status: { replicas: 5 } };
  updateManagedFields({ ...deployment, manager: "b" }, live, next);
  assert.deepEqual(ownersOf(next), {
    "a Apply": { "f:spec": { "f:paused": {} } },
    "b Update": { "f:spec": { "f:replicas": {} } },
  });
  const status: Draft = { ...next, status: { replicas: 6 } };
  updateManagedFields(
    { ...deployment, manager: "b", subresource: "status", ignored: ignoredFields("status", true) },
    next,
    status,
  );
  const entries = (status["metadata"] as { managedFields: readonly ManagedFieldsEntry[] }).managedFields;
  assert.deepEqual(
    entries.map(({ manager, subresource, fieldsV1 }) => [manager, subresource, fieldsV1]),
    [
      ["a", undefined, { "f:spec": { "f:paused": {} } }],
      ["b", undefined, { "f:spec": { "f:replicas": {} } }],
      ["b", "status", { "f:status": { "f:replicas": {} } }],
    ],
  );
});

test("applyFields: another's field of the same value is shared, of another value a conflict", () => {
  const live = apply("a", undefined, { replicas: 1 });
  assert.deepEqual(Object.keys(ownersOf(apply("b", live, { replicas: 1 }))), ["a Apply", "b Apply"]);
  assert.throws(
    () => apply("b", live, { replicas: 2 }),
    (error) =>
      isStatus(error, "Conflict") &&
      error.message === 'Apply failed with 1 conflict: conflict with "a": .spec.replicas' &&
      error.status.details?.causes?.[0]?.reason === "FieldManagerConflict" &&
      error.status.details.causes[0].field === ".spec.replicas",
  );
  const forced = apply("b", live, { replicas: 2 }, true);
  assert.deepEqual(ownersOf(forced), { "b Apply": { "f:spec": { "f:replicas": {} } } });
});

test("applyFields: several conflicts are told by their owners", () => {
  const live: Draft = { ...apply("a", undefined, { replicas: 1 }) };
  const next: Draft = { ...live, spec: { replicas: 1, paused: true } };
  updateManagedFields({ ...deployment, manager: "u" }, live, next);
  assert.throws(() => apply("b", next, { replicas: 2, paused: false }), {
    message:
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.replicas\nconflicts with "u" using apps/v1:\n- .spec.paused',
  });
});

test("applyFields: what is not applied any more is removed, unless another owns it", () => {
  const template = { spec: { containers: [{ name: "c", image: "i" }, { name: "d" }] } };
  const first = apply("a", undefined, { replicas: 1, paused: true, template });
  const shared = apply("b", first, { replicas: 1, template: { spec: { containers: [{ name: "d" }] } } });
  const last = apply("a", shared, { template: { spec: { containers: [{ name: "c", image: "j" }] } } });
  assert.deepEqual(specOf(last), {
    ...(emptyObject(schema)["spec"] as Draft),
    replicas: 1,
    template: {
      ...((emptyObject(schema)["spec"] as Draft)["template"] as Draft),
      spec: { containers: [{ name: "c", image: "j" }, { name: "d" }] },
    },
  });
});

test("applyFields: the same again changes nothing, the time of its owner neither", () => {
  const live = apply("a", undefined, { replicas: 1 });
  const later = { ...deployment, manager: "a", force: false, now: new Date("2027-01-01T00:00:00Z") };
  assert.deepEqual(applyFields(later, live, { ...head, spec: { replicas: 1 } }), live);
});

test("applyFields: the first apply finds an owner of what was there before", () => {
  const next = apply("a", { ...emptyObject(schema), ...head, spec: { replicas: 3 } }, { paused: true });
  assert.deepEqual(ownersOf(next), {
    "a Apply": { "f:spec": { "f:paused": {} } },
    "before-first-apply Update": { "f:spec": { "f:replicas": {} } },
  });
});

test("applyFields: kubectl takes over what its client-side apply has set", () => {
  const key = "kubectl.kubernetes.io/last-applied-configuration";
  const config = { ...head, metadata: { ...head.metadata, annotations: {} }, spec: { replicas: 1 } };
  const metadata = { ...head.metadata, annotations: { [key]: JSON.stringify(config) } };
  const live: Draft = { ...emptyObject(schema), ...head, metadata, spec: { replicas: 1 } };
  updateManagedFields({ ...deployment, manager: "kubectl-client-side-apply" }, undefined, live);
  const next = apply("kubectl", live, { replicas: 2 });
  assert.deepEqual(next["spec"], { replicas: 2 });
  const { annotations } = next["metadata"] as { annotations: Record<string, string> };
  assert.equal(
    annotations[key],
    `${'{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":2}}'}\n`,
  );
  assert.throws(() => apply("other", live, { replicas: 2 }), /1 conflict/);
});

for (const [config, said, code] of [
  [
    { ...head, spec: { foo: 1 } },
    "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
    500,
  ],
  [
    { ...head, spec: { replicas: "1" } },
    "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string",
    500,
  ],
  [
    { ...head, spec: { template: { spec: { containers: [{ name: "c" }, { name: "c" }] } } } },
    'failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="c"]',
    500,
  ],
  [{ ...head, apiVersion: "v1" }, "invalid object type: /v1, Kind=Deployment", 400],
  [{ ...head, metadata: { managedFields: [] } }, "metadata.managedFields must be nil", 400],
] as const)
  test(`applyFields refuses ${said}`, () =>
    assert.throws(
      () => applyFields({ ...deployment, force: false }, undefined, config as Draft),
      (error) => isStatus(error) && error.message === said && error.code === code,
    ));

test("updateManagedFields: an empty list forgets all owners, no list keeps them", () => {
  const live = { ...apply("a", undefined, { replicas: 1 }) };
  for (const managedFields of [[], [{}]]) {
    const next: Draft = { ...live, metadata: { ...head.metadata, managedFields } };
    updateManagedFields(deployment, live, next);
    assert.deepEqual(next["metadata"], head.metadata);
  }
  const next: Draft = { ...live, metadata: head.metadata };
  updateManagedFields(deployment, live, next);
  assert.deepEqual(next, live);
});

test("updateManagedFields: the eleventh owner by an update makes the oldest ones one", () => {
  let live: Draft = { ...emptyObject(schema), ...head, spec: { replicas: 0 } };
  updateManagedFields({ ...deployment, manager: "m0" }, undefined, live);
  for (let at = 1; at < 14; at++) {
    const labels = { ...((live["metadata"] as Draft)["labels"] as Draft), [`l${at}`]: "x" };
    const next: Draft = { ...live, metadata: { ...(live["metadata"] as Draft), labels } };
    const now = new Date(deployment.now.getTime() + at * 1000);
    updateManagedFields({ ...deployment, manager: `m${at}`, now }, live, next);
    live = next;
  }
  const names = Object.keys(ownersOf(live));
  assert.equal(names.length, 10);
  assert.equal(names[0], "ancient-changes Update");
});

test("managerOf: the client's word, or its user agent up to the slash", () => {
  assert.equal(managerOf("x", "kubectl/v1"), "x");
  assert.equal(managerOf("", "kubectl/v1.36 (linux)"), "kubectl");
  assert.equal(managerOf(undefined, undefined), "");
  assert.equal(managerOf(undefined, `${"é".repeat(100)}/1`), "é".repeat(64));
});

const spec = fc.record(
  {
    replicas: fc.nat(2),
    paused: fc.boolean(),
    selector: fc.record({ matchLabels: fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2")) }),
    template: fc.record({
      spec: fc.record({
        containers: fc.uniqueArray(
          fc.record(
            { name: fc.constantFrom("a", "b", "c"), image: fc.constantFrom("x", "y") },
            { requiredKeys: ["name"] },
          ),
          { minLength: 1, selector: ({ name }) => name },
        ),
      }),
    }),
  },
  { requiredKeys: [] },
);

test("applyFields: whatever has been applied before, the same again changes nothing, and what is given stays", () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b"), spec), { minLength: 1 }), (writes) => {
      let live: Draft = apply("c", undefined, { revisionHistoryLimit: 1 });
      for (const [manager, config] of writes) {
        const before = JSON.stringify([live, config]);
        const next = apply(manager, live, config, true);
        assert.equal(JSON.stringify([live, config]), before);
        assert.deepEqual(apply(manager, next, config), next);
        live = next;
      }
    }),
    { numRuns: 50 },
  ));
