import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, openTestApi } from "./api.fixture.ts";

const maps = "/api/v1/namespaces/default/configmaps";

test("an object is made, read, listed, changed and deleted", async () => {
  await using api = await openTestApi();
  const made = await api.send("POST", maps, { metadata: { name: "a" }, data: { x: "1" } });
  assert.equal(made.status, 201);
  assert.equal(made.body.kind, "ConfigMap");
  assert.match(made.body.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(made.body.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const again = await api.send("POST", maps, { metadata: { name: "a" } });
  assert.deepEqual([again.status, again.body.message], [409, 'configmaps "a" already exists']);

  const read = await api.send("GET", `${maps}/a`);
  assert.deepEqual(read.body, made.body);
  const list = await api.send("GET", maps);
  assert.equal(list.body.kind, "ConfigMapList");
  assert.deepEqual(list.body.items, [made.body]);

  const next = { ...read.body, data: { x: "2" } };
  const changed = await api.send("PUT", `${maps}/a`, next);
  assert.equal(changed.status, 200);
  assert.ok(Number(changed.body.metadata.resourceVersion) > Number(read.body.metadata.resourceVersion));
  const stale = await api.send("PUT", `${maps}/a`, next);
  assert.equal(
    stale.body.message,
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  );
  const same = await api.send("PUT", `${maps}/a`, changed.body);
  assert.deepEqual(same.body, changed.body);

  const deleted = await api.send("DELETE", `${maps}/a`);
  assert.deepEqual(deleted.body.details, { name: "a", kind: "configmaps", uid: made.body.metadata.uid });
  const gone = await api.send("GET", `${maps}/a`);
  assert.deepEqual([gone.status, gone.body.message], [404, 'configmaps "a" not found']);
});

test("names are generated and checked", async () => {
  await using api = await openTestApi();
  const made = await api.send("POST", maps, { metadata: { generateName: "a-" } });
  assert.match(made.body.metadata.name, /^a-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  const wrong = await api.send("POST", maps, { metadata: { name: "A_b" } });
  assert.equal(wrong.status, 422);
  assert.match(
    wrong.body.message,
    /^ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain/,
  );
});

test("finalizers and grace keep an object until they are over", async () => {
  await using api = await openTestApi();
  await api.send("POST", maps, { metadata: { name: "a", finalizers: ["example.com/hold"] } });
  const marked = await api.send("DELETE", `${maps}/a`);
  assert.ok(marked.body.metadata.deletionTimestamp);
  const free = { ...marked.body, metadata: { ...marked.body.metadata, finalizers: [] } };
  assert.equal((await api.send("PUT", `${maps}/a`, free)).status, 200);
  assert.equal((await api.send("GET", `${maps}/a`)).status, 404);

  const pods = "/api/v1/namespaces/default/pods";
  await api.send("POST", pods, {
    metadata: { name: "p" },
    spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
  });
  const ending = await api.send("DELETE", `${pods}/p`);
  assert.equal(ending.body.metadata.deletionGracePeriodSeconds, 30);
  const sooner = await api.send("DELETE", `${pods}/p?gracePeriodSeconds=5`);
  assert.equal(sooner.body.metadata.deletionGracePeriodSeconds, 5);
  await api.send("DELETE", `${pods}/p?gracePeriodSeconds=0`);
  assert.equal((await api.send("GET", `${pods}/p`)).status, 404);
});

test("a watch tells what there is, and what changes", async (t) => {
  await using api = await openTestApi();
  await api.send("POST", maps, { metadata: { name: "a" } });
  const events = eventsOf(api.transport, `${maps}?watch=true`, t.signal);
  const first = await events.next();
  assert.deepEqual([first.value?.type, first.value?.object.metadata.name], ["ADDED", "a"]);
  const made = await api.send("POST", maps, { metadata: { name: "b" } });
  assert.deepEqual((await events.next()).value, { type: "ADDED", object: made.body });
  await api.send("PUT", `${maps}/b`, { metadata: { name: "b", labels: { x: "y" } } });
  assert.equal((await events.next()).value?.type, "MODIFIED");
  await api.send("DELETE", `${maps}/b`);
  const last = (await events.next()).value;
  assert.deepEqual([last?.type, last?.object.metadata.labels], ["DELETED", { x: "y" }]);
  assert.ok(Number(last?.object.metadata.resourceVersion) > Number(made.body.metadata.resourceVersion));
});

test("lists come in pages of one revision", async () => {
  await using api = await openTestApi();
  for (let at = 0; at < 7; at++) await api.send("POST", maps, { metadata: { name: `m${at}` } });
  const first = await api.send("GET", `${maps}?limit=3`);
  assert.equal(first.body.metadata.remainingItemCount, 4);
  await api.send("DELETE", `${maps}/m5`);
  await api.send("POST", maps, { metadata: { name: "m55" } });
  const names: string[] = first.body.items.map((one: { metadata: { name: string } }) => one.metadata.name);
  let token = first.body.metadata.continue as string | undefined;
  while (token !== undefined) {
    const page = await api.send("GET", `${maps}?limit=3&continue=${token}`);
    assert.equal(page.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
    names.push(...page.body.items.map((one: { metadata: { name: string } }) => one.metadata.name));
    token = page.body.metadata.continue;
  }
  assert.deepEqual(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
});
