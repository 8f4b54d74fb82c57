import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { actions, compareWithModel } from "./store-model.fixture.ts";
import { storeContract } from "./store.contract.ts";

let folder = "";
let files = 0;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-store-"));
});
after(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const newFile = () => join(folder, `${++files}.db`);
const open = (file = newFile(), more: { readonly now?: () => number; readonly kept?: number } = {}) =>
  new SqliteStore({
    file,
    log: silentLog,
    now: more.now ?? (() => Date.now() / 1000),
    ...(more.kept !== undefined && { feedLimits: { changes: more.kept, bytes: 1 << 20 } }),
  });

storeContract("SqliteStore", async () => open());
storeContract("SqliteStore, changes read from the file", async () => open(newFile(), { kept: 1 }));

test("SqliteStore: revisions go on after it was opened anew, also behind a compacted removal", async () => {
  const file = newFile();
  let last = 0;
  {
    await using store = open(file);
    const result = await store.put({ key: "/a", value: Buffer.from("x"), expected: 0 }, signal);
    last = (await store.delete("/a", result.revision, signal)).revision;
    await store.compact(last, signal);
  }
  await using store = open(file);
  assert.equal((await store.get("/a", signal)).revision, last);
  const next = await store.put({ key: "/a", value: Buffer.from("y"), expected: 0 }, signal);
  assert.equal(next.revision, last + 1);
  await assert.rejects(
    store
      .watch("/", last - 1, signal)
      [Symbol.asyncIterator]()
      .next(),
    (error) => isFault(error, "precondition"),
  );
});

test("SqliteStore: a key goes when its time is over, unless it was written again; also after a restart", async () => {
  const file = newFile();
  let now = 1000;
  {
    await using store = open(file, { now: () => now });
    for (const key of ["/short", "/kept"])
      await store.put({ key, value: Buffer.from("x"), expected: 0, ttlS: 5 }, signal);
    const { entry } = await store.get("/kept", signal);
    await store.put({ key: "/kept", value: Buffer.from("y"), expected: entry?.revision ?? 0 }, signal);
  }
  now = 1006;
  await using store = open(file, { now: () => now });
  const ended = new AbortController();
  const { revision } = await store.get("/short", signal);
  for await (const [change] of store.watch("/", revision, ended.signal)) {
    assert.equal(change?.type === "delete" && change.key, "/short");
    ended.abort();
  }
  assert.ok((await store.get("/kept", signal)).entry);
});

test("SqliteStore: a watch whose keys do not change keeps up with the revisions", async () => {
  await using store = open();
  const ended = new AbortController();
  const quiet = store.watch("/pods/", 0, ended.signal);
  const next = quiet[Symbol.asyncIterator]().next();
  const { revision } = await store.put({ key: "/other/a", value: Buffer.from("x"), expected: 0 }, signal);
  assert.equal(quiet.position, revision);
  ended.abort();
  assert.equal((await next).done, true);
});

test("SqliteStore: one that is closed says so", async () => {
  const store = open();
  await store[Symbol.asyncDispose]();
  await assert.rejects(store.get("/a", signal), (error) => isFault(error, "unavailable"));
});

test("SqliteStore: is the list of its changes, whatever is done to it, opened anew, read from memory or from the file", async () => {
  const property = fc.asyncProperty(actions, fc.constantFrom(1, 4, 1000), async (todo, kept) => {
    const file = newFile();
    let store = open(file, { kept });
    await compareWithModel(store, todo, async () => {
      await store[Symbol.asyncDispose]();
      return (store = open(file, { kept }));
    });
    await store[Symbol.asyncDispose]();
  });
  await fc.assert(property, { numRuns: 40 });
});
