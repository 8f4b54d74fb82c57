import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestApi, type TestApi } from "./api.fixture.ts";

const core = "/api/v1/namespaces/default";
const container = { name: "c", image: "i" };

async function makePod(api: TestApi, name: string, labels: Record<string, string> = {}): Promise<void> {
  const pod = { metadata: { name, labels }, spec: { containers: [container] } };
  assert.equal((await api.send("POST", `${core}/pods`, pod)).status, 201);
}

async function bind(api: TestApi, name: string, node: string) {
  return await api.send("POST", `${core}/pods/${name}/binding`, {
    metadata: { name },
    target: { kind: "Node", name: node },
  });
}

test("binding: a pod gets its node, once", async () => {
  await using api = await openTestApi();
  await makePod(api, "p");
  assert.equal((await bind(api, "p", "n1")).status, 201);
  const { body } = await api.send("GET", `${core}/pods/p`);
  assert.equal(body.spec.nodeName, "n1");
  assert.ok(
    body.status.conditions.some(
      (one: { type: string; status: string }) => one.type === "PodScheduled" && one.status === "True",
    ),
  );
  const again = await bind(api, "p", "n2");
  assert.equal(
    again.body.message,
    'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
  );
});

test("status: an update of it changes nothing else, and the other way round", async () => {
  await using api = await openTestApi();
  await makePod(api, "p");
  const { body: pod } = await api.send("GET", `${core}/pods/p`);
  const told = { ...pod, spec: { ...pod.spec, nodeName: "x" }, status: { ...pod.status, phase: "Running" } };
  await api.send("PUT", `${core}/pods/p/status`, told);
  const { body: after } = await api.send("GET", `${core}/pods/p`);
  assert.deepEqual([after.status.phase, after.spec.nodeName], ["Running", undefined]);
});

test("scale: read, written and patched, with the selector as text", async () => {
  await using api = await openTestApi();
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  const selector = { matchLabels: { app: "a" } };
  const template = { metadata: { labels: { app: "a" } }, spec: { containers: [container] } };
  await api.send("POST", deployments, { metadata: { name: "d" }, spec: { replicas: 2, selector, template } });
  const { body: scale } = await api.send("GET", `${deployments}/d/scale`);
  assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ["Scale", 2, "app=a"]);
  const put = await api.send("PUT", `${deployments}/d/scale`, { ...scale, spec: { replicas: 7 } });
  assert.deepEqual([put.status, put.body.spec.replicas], [200, 7]);
  const stale = await api.send("PUT", `${deployments}/d/scale`, { ...scale, spec: { replicas: 8 } });
  assert.equal(stale.status, 409);
  const merge = { "content-type": "application/merge-patch+json" };
  const patched = await api.send("PATCH", `${deployments}/d/scale`, { spec: { replicas: 3 } }, merge);
  assert.equal(patched.body.spec.replicas, 3);
  const wrong = await api.send("PATCH", `${deployments}/d/scale`, { spec: { replicas: -1 } }, merge);
  assert.equal(
    wrong.body.message,
    'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
});

test("eviction: as the disruption budget allows", async () => {
  await using api = await openTestApi();
  for (const name of ["a", "b"]) {
    await makePod(api, name, { app: "x" });
    await bind(api, name, "n");
    const { body: pod } = await api.send("GET", `${core}/pods/${name}`);
    const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
    await api.send("PUT", `${core}/pods/${name}/status`, { ...pod, status });
  }
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const spec = { minAvailable: 1, selector: { matchLabels: { app: "x" } } };
  const { body: budget } = await api.send("POST", budgets, { metadata: { name: "pdb" }, spec });
  const evict = async (name: string) =>
    await api.send("POST", `${core}/pods/${name}/eviction`, { metadata: { name } });
  const counts = { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  const status = { ...counts, observedGeneration: budget.metadata.generation };
  await api.send("PUT", `${budgets}/pdb/status`, { ...budget, status });
  assert.equal((await evict("a")).status, 201);
  const { body: going } = await api.send("GET", `${core}/pods/a`);
  assert.ok(going.metadata.deletionTimestamp);
  const refused = await evict("b");
  assert.deepEqual(
    [refused.status, refused.body.message, refused.body.details.causes[0].reason],
    [429, "Cannot evict pod as it would violate the pod's disruption budget.", "DisruptionBudget"],
  );
  const { body: after } = await api.send("GET", `${budgets}/pdb`);
  assert.deepEqual([after.status.disruptionsAllowed, Object.keys(after.status.disruptedPods)], [0, ["a"]]);
});

test("services: addresses and ports are given once each, and come back", async () => {
  await using api = await openTestApi();
  const services = `${core}/services`;
  const ports = [{ port: 80 }];
  const make = async (name: string, spec: object) =>
    await api.send("POST", services, { metadata: { name }, spec: { ports, ...spec } });
  const made = await Promise.all(Array.from({ length: 40 }, (_, at) => make(`s${at}`, { type: "NodePort" })));
  const addresses = new Set(made.map(({ body }) => body.spec.clusterIP));
  const given = new Set(made.map(({ body }) => body.spec.ports[0].nodePort));
  assert.deepEqual([addresses.size, given.size], [40, 40]);
  const [address = ""] = addresses;
  const taken = await make("taken", { clusterIP: address });
  assert.match(taken.body.message, /failed to allocate IP [\d.]+: provided IP is already allocated/);
  const outside = await make("outside", { clusterIP: "192.0.2.1" });
  assert.match(outside.body.message, /is not in the valid range. The range of valid IPs is 10\.96\.0\.0\/16/);
  const dry = await api.send("POST", `${services}?dryRun=All`, {
    metadata: { name: "dry" },
    spec: { ports },
  });
  assert.equal((await make("same", { clusterIP: dry.body.spec.clusterIP })).status, 201);
  await api.send("DELETE", `${services}/s0`);
  assert.equal((await make("heir", { clusterIP: made[0]?.body.spec.clusterIP })).status, 201);
  const headless = await make("headless", { clusterIP: "None" });
  assert.deepEqual(headless.body.spec.clusterIPs, ["None"]);
});

test("namespaces: go when they are finalised", async () => {
  await using api = await openTestApi();
  const { body: made } = await api.send("POST", "/api/v1/namespaces", { metadata: { name: "n" } });
  assert.deepEqual([made.spec.finalizers, made.status.phase], [["kubernetes"], "Active"]);
  const { body: going } = await api.send("DELETE", "/api/v1/namespaces/n");
  assert.equal(going.status.phase, "Terminating");
  const { status } = await api.send("PUT", "/api/v1/namespaces/n/finalize", {
    ...going,
    spec: { finalizers: [] },
  });
  assert.equal(status, 200);
  assert.equal((await api.send("GET", "/api/v1/namespaces/n")).status, 404);
});

test("events of both groups are the same", async () => {
  await using api = await openTestApi();
  const regarding = { kind: "Pod", name: "p", namespace: "default" };
  const event = {
    metadata: { name: "e" },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "example.com/c",
    reportingInstance: "i",
    action: "Do",
    reason: "Done",
    note: "it is done",
    type: "Normal",
    regarding,
  };
  const made = await api.send("POST", "/apis/events.k8s.io/v1/namespaces/default/events", event);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { body } = await api.send("GET", `${core}/events/e`);
  assert.deepEqual([body.apiVersion, body.message, body.involvedObject.name], ["v1", "it is done", "p"]);
});

test("answers: tables, metadata, protobuf, YAML, and what is not acceptable", async () => {
  await using api = await openTestApi();
  await makePod(api, "p");
  const get = async (accept: string) => await api.send("GET", `${core}/pods`, undefined, { accept });
  const table = await get("application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  assert.deepEqual([table.body.kind, table.body.rows[0].cells[0]], ["Table", "p"]);
  assert.equal(table.body.rows[0].object.kind, "PartialObjectMetadata");
  const metadata = await get("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  assert.deepEqual(
    [metadata.body.kind, metadata.body.items[0].spec],
    ["PartialObjectMetadataList", undefined],
  );
  const protobuf = await get("application/vnd.kubernetes.protobuf");
  assert.equal((protobuf.body as Buffer).subarray(0, 4).toString(), "k8s\0");
  assert.match((await get("application/yaml")).body, /^apiVersion: v1\nitems:\n/);
  const nothing = await get("text/html");
  assert.deepEqual([nothing.status, nothing.body.reason], [406, "NotAcceptable"]);
  const unknown = await api.send("POST", `${core}/pods`, new Uint8Array([1]), {
    "content-type": "text/plain",
  });
  assert.deepEqual([unknown.status, unknown.body.reason], [415, "UnsupportedMediaType"]);
});

test("what protobuf clients send is what JSON clients get", async () => {
  await using api = await openTestApi();
  await makePod(api, "p");
  const type = "application/vnd.kubernetes.protobuf";
  const { body: bytes } = await api.send("GET", `${core}/pods/p`, undefined, { accept: type });
  const { body: before } = await api.send("GET", `${core}/pods/p`);
  const put = await api.send("PUT", `${core}/pods/p`, bytes as Buffer, { "content-type": type });
  assert.equal(put.status, 200);
  assert.deepEqual(put.body, before);
});

test("a collection is deleted as its selector says", async () => {
  await using api = await openTestApi();
  for (const [name, a] of [
    ["x", "1"],
    ["y", "2"],
    ["z", "1"],
  ] as const)
    await api.send("POST", `${core}/configmaps`, { metadata: { name, labels: { a } } });
  await api.send("DELETE", `${core}/configmaps?labelSelector=a%3D1`);
  const { body } = await api.send("GET", `${core}/configmaps`);
  assert.deepEqual(
    body.items.map((one: { metadata: { name: string } }) => one.metadata.name),
    ["y"],
  );
});
