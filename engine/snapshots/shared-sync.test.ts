import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedSync } from "./shared-sync.ts";

test("SharedSync: who asks while one is under way waits for the next, together with the others", async () => {
  const syncs: PromiseWithResolvers<void>[] = [];
  const shared = new SharedSync(() => {
    const sync = Promise.withResolvers<void>();
    syncs.push(sync);
    return sync.promise;
  });
  const done: string[] = [];
  const first = shared.run().then(() => done.push("first"));
  const rest = ["second", "third"].map((name) => shared.run().then(() => done.push(name)));
  assert.equal(syncs.length, 1);
  syncs[0]?.resolve();
  await first;
  await new Promise(setImmediate);
  assert.deepEqual(done, ["first"]);
  assert.equal(syncs.length, 2);
  syncs[1]?.resolve();
  await Promise.all(rest);
  assert.deepEqual(done, ["first", "second", "third"]);
});

test("SharedSync: a failure is theirs who waited for it, the next ones get another sync", async () => {
  const outcomes = [Promise.reject(new Error("no disk")), Promise.resolve()];
  outcomes[0]?.catch(() => {});
  const shared = new SharedSync(() => outcomes.shift() as Promise<void>);
  const [first, second] = [shared.run(), shared.run()];
  await assert.rejects(first, /no disk/);
  await second;
});
