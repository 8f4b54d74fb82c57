import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManagedFieldsEntry } from "#api/kube/meta.ts";
import { openTestApi, type TestAnswer, type TestApi } from "./api.fixture.ts";

const path = "/api/v1/namespaces/n/configmaps/c";

async function apply(api: TestApi, query: string, body: string): Promise<TestAnswer> {
  const answer = await api.transport.send(
    {
      method: "PATCH",
      path: `${path}?${query}`,
      body: { type: "application/apply-patch+yaml", bytes: new TextEncoder().encode(body) },
    },
    AbortSignal.timeout(10_000),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return {
    status: answer.status,
    headers: answer.headers ?? {},
    body: JSON.parse(Buffer.concat(chunks).toString()),
  };
}

function configMap(data: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata: ${data}\n`;
}

function ownersOf({ body }: TestAnswer): unknown {
  const entries = body.metadata.managedFields as readonly ManagedFieldsEntry[];
  return entries.map(({ manager, operation, fieldsV1 }) => [manager, operation, fieldsV1]);
}

test("apply creates, changes, refuses what another owns, and removes what is no longer applied", async () => {
  await using api = await openTestApi();
  const made = await apply(api, "fieldManager=a", configMap('{x: "1", z: "1"}'));
  assert.equal(made.status, 201);
  assert.deepEqual(ownersOf(made), [["a", "Apply", { "f:data": { "f:x": {}, "f:z": {} } }]]);
  const same = await apply(api, "fieldManager=a", configMap('{x: "1", z: "1"}'));
  assert.equal(same.status, 200);
  assert.equal(same.body.metadata.resourceVersion, made.body.metadata.resourceVersion);
  const refused = await apply(api, "fieldManager=b", configMap('{x: "2"}'));
  assert.equal(refused.status, 409);
  assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "a": .data.x');
  const forced = await apply(api, "fieldManager=b&force=true", configMap('{x: "2"}'));
  assert.deepEqual(ownersOf(forced), [
    ["a", "Apply", { "f:data": { "f:z": {} } }],
    ["b", "Apply", { "f:data": { "f:x": {} } }],
  ]);
  const fewer = await apply(api, "fieldManager=a", configMap("{}"));
  assert.deepEqual(fewer.body.data, { x: "2" });
});

test("other writes own what they change, under the name of their program", async () => {
  await using api = await openTestApi();
  await api.send("POST", "/api/v1/namespaces/n/configmaps", {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: "c" },
    data: { x: "1" },
  });
  const read = await api.send("GET", path);
  assert.deepEqual(ownersOf(read), [["unknown", "Update", { "f:data": { ".": {}, "f:x": {} } }]]);
  // Owners are told by time, then by name: this one is behind by both, whether a second ends meanwhile or not.
  const put = await api.send("PUT", `${path}?fieldManager=v`, { ...read.body, data: { x: "1", y: "2" } });
  assert.deepEqual(ownersOf(put), [
    ["unknown", "Update", { "f:data": { ".": {}, "f:x": {} } }],
    ["v", "Update", { "f:data": { "f:y": {} } }],
  ]);
  const { metadata } = put.body;
  const reset = await api.send("PUT", path, { ...put.body, metadata: { ...metadata, managedFields: [{}] } });
  assert.equal(reset.body.metadata.managedFields, undefined);
});

test("apply refuses what it cannot read", async () => {
  await using api = await openTestApi();
  const refused = async (query: string, body: string) => {
    const { status, body: answer } = await apply(api, query, body);
    return [status, answer.message];
  };
  assert.deepEqual(await refused("fieldManager=a", configMap("{x: 1}")), [
    500,
    "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.x: expected string, got &value.valueUnstructured{Value:1}",
  ]);
  assert.deepEqual(await refused("fieldManager=a", "kind: Pod\napiVersion: v1\n"), [
    400,
    "invalid object type: /v1, Kind=Pod",
  ]);
  assert.deepEqual(
    await refused("fieldManager=a&fieldValidation=Strict", `${configMap("{}")}kind: ConfigMap\n`),
    [400, 'error strict decoding patch: yaml: unmarshal errors:\n  line 6: key "kind" already set in map'],
  );
  const [status, message] = await refused("", configMap("{}"));
  assert.equal(status, 422);
  assert.match(String(message), /fieldManager: Required value: is required for apply patch/);
});
