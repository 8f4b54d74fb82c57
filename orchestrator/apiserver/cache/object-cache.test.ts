import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import type { Entry, Page, Store, Watch } from "#orchestrator/storage/store.ts";
import { storedBytes } from "./cached-object.ts";
import { ObjectCache } from "./object-cache.ts";

function entry(name: string, revision: number): Entry {
  const value = storedBytes({ kind: "Pod", apiVersion: "v1", metadata: { namespace: "default", name } });
  return { key: `/registry/core/pods/default/${name}`, value, revision, created: revision };
}

/** Its first and only step is this. */
function watchOf(next: () => Promise<IteratorReturnResult<undefined>>): Watch {
  return { position: 0, [Symbol.asyncIterator]: () => ({ next }) };
}

const forgotten = watchOf(async () => {
  throw new Fault("precondition", "revisions before 5 have been compacted", { detail: { compacted: 5 } });
});

const quiet = (signal: AbortSignal) =>
  watchOf(async () => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { done: true, value: undefined };
  });

/** A store whose changes between two lists are forgotten before they are seen. */
function gapBetween(...pages: [Page, Page]): Store {
  const [, after] = pages;
  const watches = [forgotten];
  return {
    list: async () => pages.shift() ?? after,
    get: async () => ({ revision: after.revision }),
    watch: (_prefix, _after, signal) => watches.pop() ?? quiet(signal),
    count: () => assert.fail(),
    put: () => assert.fail(),
    delete: () => assert.fail(),
    compact: () => assert.fail(),
    async [Symbol.asyncDispose]() {},
  };
}

test("ObjectCache: what is found out after a gap comes in the order of revisions, removals last", async (t) => {
  const store = gapBetween(
    { revision: 2, entries: [entry("goes", 1), entry("stays", 2)], remaining: 0 },
    { revision: 9, entries: [entry("comes", 7), entry("stays", 6)], remaining: 0 },
  );
  await using cache = await ObjectCache.open({ store, log: silentLog }, t.signal);
  await cache.fresh(t.signal);
  const pods = cache.resource("core/pods");
  const told = pods.since(2)?.map(({ type, revision, object }) => [type, object.key.name, revision]);
  assert.deepEqual(told, [
    ["put", "stays", 6],
    ["put", "comes", 7],
    ["delete", "goes", 9],
  ]);
  assert.deepEqual([pods.changed, pods.since(9)], [9, []]);
});
