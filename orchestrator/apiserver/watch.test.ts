import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "#api/kube/meta.ts";
import { eventsOf, openTestApi, type TestApi } from "./api.fixture.ts";

const maps = "/api/v1/namespaces/default/configmaps";

async function make(api: TestApi, name: string, labels: Record<string, string> = {}): Promise<KubeObject> {
  const { body } = await api.send("POST", maps, { metadata: { name, labels } });
  return body as KubeObject;
}

async function relabel(api: TestApi, name: string, labels: Record<string, string>): Promise<void> {
  await api.send("PUT", `${maps}/${name}`, { metadata: { name, labels } });
}

const revisionOf = ({ metadata }: KubeObject) => Number(metadata.resourceVersion);

test("watch: what leaves a selector's sight is deleted, what comes into it is added", async (t) => {
  await using api = await openTestApi();
  const events = eventsOf(api.transport, `${maps}?watch=true&labelSelector=a%3D1`, t.signal);
  const next = async () => {
    const { value } = await events.next();
    return [value?.type, value?.object.metadata.labels] as const;
  };
  const first = next();
  await make(api, "m", { a: "1" });
  assert.deepEqual(await first, ["ADDED", { a: "1" }]);
  await relabel(api, "m", { a: "1", b: "2" });
  assert.deepEqual(await next(), ["MODIFIED", { a: "1", b: "2" }]);
  await relabel(api, "m", { a: "2" });
  assert.deepEqual(await next(), ["DELETED", { a: "1", b: "2" }]);
  await relabel(api, "m", { a: "3" });
  await relabel(api, "m", { a: "1" });
  assert.deepEqual(await next(), ["ADDED", { a: "1" }]);
});

test("watch: goes on behind a revision, from the store where the memory ends", async (t) => {
  await using api = await openTestApi();
  const made = [];
  for (let at = 0; at < 20; at++) made.push(await make(api, `m${at}`));
  const from = made[4];
  assert.ok(from);
  const events = eventsOf(api.transport, `${maps}?watch=true&resourceVersion=${revisionOf(from)}`, t.signal);
  for (const expected of made.slice(5)) {
    const { value } = await events.next();
    assert.deepEqual(value, { type: "ADDED", object: expected });
  }
});

test("watch: with initial events, a bookmark says when they have been sent", async (t) => {
  await using api = await openTestApi();
  const made = await make(api, "m");
  const query =
    "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const events = eventsOf(api.transport, `${maps}?${query}`, t.signal);
  assert.deepEqual((await events.next()).value, { type: "ADDED", object: made });
  const { value } = await events.next();
  assert.equal(value?.type, "BOOKMARK");
  assert.equal(value?.object.metadata.annotations?.["k8s.io/initial-events-end"], "true");
  assert.ok(revisionOf(value?.object as KubeObject) >= revisionOf(made));
});

test("watch: ends when its time is over, with a bookmark as of then", async (t) => {
  await using api = await openTestApi();
  const query = "watch=true&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=0";
  const events: { readonly type: string }[] = [];
  const watching = (async () => {
    for await (const event of eventsOf(api.transport, `${maps}?${query}`, t.signal)) events.push(event);
  })();
  await api.send("POST", "/api/v1/namespaces/default/secrets", { metadata: { name: "s" } });
  await watching;
  assert.deepEqual(
    events.map(({ type }) => type),
    ["BOOKMARK"],
  );
});

test("watch: a revision that is forgotten is Expired", async (t) => {
  await using api = await openTestApi();
  const first = await make(api, "m");
  for (let at = 0; at < 5; at++) await relabel(api, "m", { at: String(at) });
  await using again = await api.reopen(async (store) => await store.compact(revisionOf(first) + 3, t.signal));
  const events = eventsOf(
    again.transport,
    `${maps}?watch=true&resourceVersion=${revisionOf(first)}`,
    t.signal,
  );
  const { value } = await events.next();
  assert.equal(value?.type, "ERROR");
  const status = value?.object as unknown as {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
  };
  assert.deepEqual([status.code, status.reason], [410, "Expired"]);
  assert.match(status.message, /^too old resource version: \d+ \(\d+\)$/);
  assert.ok((await events.next()).done);
});

test("list: a page of a revision that is forgotten is Expired, and says how to go on", async (t) => {
  await using api = await openTestApi();
  for (let at = 0; at < 6; at++) await make(api, `m${at}`);
  const page = await api.send("GET", `${maps}?limit=2`);
  for (let at = 0; at < 6; at++) await relabel(api, `m${at}`, { x: "y" });
  await using again = await api.reopen(async (store) => {
    const { revision } = await store.get("/registry", t.signal);
    await store.compact(revision, t.signal);
  });
  const expired = await again.send("GET", `${maps}?limit=2&continue=${page.body.metadata.continue}`);
  assert.deepEqual([expired.status, expired.body.reason], [410, "Expired"]);
  const rest = await again.send("GET", `${maps}?continue=${expired.body.metadata.continue}`);
  assert.deepEqual(
    rest.body.items.map((one: KubeObject) => one.metadata.name),
    ["m2", "m3", "m4", "m5"],
  );
});

test("list: revisions are kept to, and those that have not come are waited for", async () => {
  await using api = await openTestApi();
  const made = await make(api, "m");
  const at = revisionOf(made);
  await relabel(api, "m", { x: "1" });
  const exact = await api.send("GET", `${maps}?resourceVersion=${at}&resourceVersionMatch=Exact`);
  assert.deepEqual(exact.body.items, [made]);
  const future = await api.send("GET", `${maps}?resourceVersion=${at + 1000}`);
  assert.deepEqual([future.status, future.body.details.causes[0].reason], [504, "ResourceVersionTooLarge"]);
  const wrong = await api.send("GET", `${maps}?resourceVersionMatch=Exact`);
  assert.match(wrong.body.message, /resourceVersionMatch is forbidden unless resourceVersion is provided/);
});

test("watch: many histories, seen by watchers that begin anywhere, have neither gaps nor duplicates", async (t) => {
  await using api = await openTestApi();
  const names = ["a", "b", "c", "d"];
  const alive = new Set<string>();
  const watchers: { readonly objects: Map<string, string>; last: number }[] = [];
  const stop = new AbortController();
  const signal = AbortSignal.any([t.signal, stop.signal]);
  const running: Promise<void>[] = [];
  const follow = async (from: KubeObject[], revision: number) => {
    const objects = new Map(from.map((one) => [one.metadata.name ?? "", one.metadata.resourceVersion ?? ""]));
    const watcher = { objects, last: revision };
    watchers.push(watcher);
    for await (const { type, object } of eventsOf(
      api.transport,
      `${maps}?watch=true&resourceVersion=${revision}`,
      signal,
    )) {
      assert.ok(revisionOf(object) > watcher.last, "an event came twice or too late");
      watcher.last = revisionOf(object);
      const name = object.metadata.name ?? "";
      assert.equal(objects.has(name), type !== "ADDED");
      if (type === "DELETED") objects.delete(name);
      else objects.set(name, object.metadata.resourceVersion ?? "");
    }
  };
  let newest = 0;
  for (let step = 0; step < 200; step++) {
    const name = names[step % names.length] ?? "";
    const isGoing = alive.has(name) && step % 3 === 0;
    if (isGoing) await api.send("DELETE", `${maps}/${name}`);
    else if (alive.has(name)) await relabel(api, name, { step: String(step) });
    else await make(api, name);
    if (isGoing) alive.delete(name);
    else alive.add(name);
    if (step % 10 !== 0) continue;
    const list = await api.send("GET", maps);
    newest = Number(list.body.metadata.resourceVersion);
    running.push(follow(list.body.items as KubeObject[], newest));
  }
  const end = await make(api, "end");
  while (watchers.some(({ last }) => last < revisionOf(end)))
    await new Promise((resolve) => setImmediate(resolve));
  const { body } = await api.send("GET", maps);
  const expected = new Map(
    (body.items as KubeObject[]).map((one) => [one.metadata.name, one.metadata.resourceVersion]),
  );
  for (const { objects } of watchers) assert.deepEqual(objects, expected);
  stop.abort();
  await Promise.allSettled(running);
});
