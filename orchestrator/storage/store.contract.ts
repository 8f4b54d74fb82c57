import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { keyOf, revisionOf } from "./change-feed.ts";
import type { Change, Store, Watch, WriteResult } from "./store.ts";

/** A store for one test, empty, with its own way to be left. */
export type OpenStore = () => Promise<Store>;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

/** What every {@link Store} does. */
export function storeContract(name: string, open: OpenStore): void {
  const { signal } = new AbortController();
  const written = (result: WriteResult): number => {
    assert.ok(result.isDone, "the write found what it expected");
    return result.revision;
  };
  const put = async (store: Store, key: string, value: string, expected = 0) =>
    written(await store.put({ key, value: bytes(value), expected }, signal));
  const remove = async (store: Store, key: string, expected: number) =>
    written(await store.delete(key, expected, signal));
  const namesOf = (entries: readonly { readonly key: string }[]) => entries.map(({ key }) => key).join(" ");

  test(`${name}: a key has the revision of its last change and of its first`, async () => {
    await using store = await open();
    const before = await store.get("/a", signal);
    assert.equal(before.entry, undefined);
    const first = await put(store, "/a", "one");
    const second = await put(store, "/a", "two", first);
    assert.ok(first > before.revision && second > first);
    const { entry, revision } = await store.get("/a", signal);
    assert.equal(text(entry?.value), "two");
    assert.deepEqual([entry?.revision, entry?.created, revision], [second, first, second]);
  });

  test(`${name}: a write that expects another revision changes nothing and shows what is there`, async () => {
    await using store = await open();
    const first = await put(store, "/a", "one");
    for (const expected of [0, first + 1]) {
      const refused = await store.put({ key: "/a", value: bytes("no"), expected }, signal);
      assert.ok(!refused.isDone);
      assert.equal(text(refused.current?.value), "one");
      assert.equal(refused.current?.revision, first);
    }
    assert.deepEqual(await store.delete("/b", 7, signal), { isDone: false, revision: first });
    assert.equal((await store.delete("/a", first + 1, signal)).isDone, false);
    assert.equal((await store.get("/a", signal)).revision, first);
  });

  test(`${name}: of writers that expect the same revision one wins`, async () => {
    await using store = await open();
    const writers = Array.from({ length: 20 }, (_, index) =>
      store.put({ key: "/a", value: bytes(String(index)), expected: 0 }, signal),
    );
    const results = await Promise.all(writers);
    assert.equal(results.filter(({ isDone }) => isDone).length, 1);
  });

  test(`${name}: a removed key is gone, and made anew begins anew`, async () => {
    await using store = await open();
    const first = await put(store, "/a", "one");
    const gone = await remove(store, "/a", first);
    assert.deepEqual(await store.get("/a", signal), { revision: gone });
    const again = await put(store, "/a", "two");
    assert.equal((await store.get("/a", signal)).entry?.created, again);
  });

  test(`${name}: a list has the keys of its prefix in order, page by page, as of one revision`, async () => {
    await using store = await open();
    for (const key of ["/pods/b", "/pods/a", "/podsx/a", "/pods/c/d", "/po", "/pods/c"])
      await put(store, key, key);
    const first = await store.list({ prefix: "/pods/", limit: 2 }, signal);
    assert.equal(namesOf(first.entries), "/pods/a /pods/b");
    assert.equal(first.remaining, 2);
    await remove(store, "/pods/c", (await store.get("/pods/c", signal)).entry?.revision ?? 0);
    await put(store, "/pods/aa", "later");
    const rest = await store.list(
      { prefix: "/pods/", after: "/pods/b", limit: 2, at: first.revision },
      signal,
    );
    assert.equal(namesOf(rest.entries), "/pods/c /pods/c/d");
    assert.deepEqual([rest.remaining, rest.revision], [0, first.revision]);
    const now = await store.list({ prefix: "/pods/" }, signal);
    assert.equal(namesOf(now.entries), "/pods/a /pods/aa /pods/b /pods/c/d");
    assert.equal(await store.count("/pods/", signal), 4);
    assert.equal(await store.count("/none/", signal), 0);
  });

  test(`${name}: an earlier revision shows the values of then`, async () => {
    await using store = await open();
    const first = await put(store, "/a", "one");
    const other = await put(store, "/b", "b");
    await put(store, "/a", "two", first);
    const then = await store.list({ prefix: "/", at: other }, signal);
    assert.deepEqual(
      then.entries.map(({ key, value }) => [key, text(value)]),
      [
        ["/a", "one"],
        ["/b", "b"],
      ],
    );
  });

  test(`${name}: a revision that has not been reached is refused`, async () => {
    await using store = await open();
    const newest = await put(store, "/a", "one");
    await assert.rejects(store.list({ prefix: "/", at: newest + 5 }, signal), (error) =>
      isFault(error, "invalid"),
    );
    await assert.rejects(take(store.watch("/", newest + 5, signal), 1), (error) => isFault(error, "invalid"));
  });

  test(`${name}: a watch shows every change of its prefix from a revision on, with what was before`, async () => {
    await using store = await open();
    const start = await put(store, "/pods/old", "old");
    const first = await put(store, "/pods/a", "one");
    await put(store, "/other/a", "no");
    const second = await put(store, "/pods/a", "two", first);
    await using watching = watch(store, "/pods/", start);
    assert.deepEqual(await watching.take(2), [
      `${first} put /pods/a one was nothing`,
      `${second} put /pods/a two was one`,
    ]);
    const gone = await remove(store, "/pods/a", second);
    const next = await put(store, "/pods/b", "b");
    assert.deepEqual(await watching.take(2), [
      `${gone} delete /pods/a was two`,
      `${next} put /pods/b b was nothing`,
    ]);
  });

  test(`${name}: a watch ends with its signal, also while it waits`, async () => {
    await using store = await open();
    const ended = new AbortController();
    const all: Change[] = [];
    const { revision } = await store.get("/a", signal);
    const reading = (async () => {
      for await (const changes of store.watch("/", revision, ended.signal)) all.push(...changes);
    })();
    await put(store, "/a", "one");
    while (all.length === 0) await new Promise((done) => setImmediate(done));
    ended.abort();
    await reading;
    assert.equal(all.length, 1);
  });

  test(`${name}: what is compacted cannot be read or watched, the newest of each key can`, async () => {
    await using store = await open();
    const first = await put(store, "/a", "one");
    const gone = await put(store, "/gone", "x");
    const second = await put(store, "/a", "two", first);
    const removed = await remove(store, "/gone", gone);
    const last = await put(store, "/b", "b");
    await store.compact(removed, signal);
    await store.compact(second, signal);
    const isCompacted = (error: unknown) =>
      isFault(error, "precondition") && error.detail["compacted"] === removed;
    await assert.rejects(store.list({ prefix: "/", at: second }, signal), isCompacted);
    await assert.rejects(take(store.watch("/", first, signal), 1), isCompacted);
    const then = await store.list({ prefix: "/", at: removed }, signal);
    assert.deepEqual(
      then.entries.map(({ value }) => text(value)),
      ["two"],
    );
    await using watching = watch(store, "/", removed);
    assert.deepEqual(await watching.take(1), [`${last} put /b b was nothing`]);
  });

  test(`${name}: values are bytes of any kind and size`, async () => {
    await using store = await open();
    const value = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 256);
    await store.put({ key: "/big", value, expected: 0 }, signal);
    await store.put({ key: "/empty", value: new Uint8Array(0), expected: 0 }, signal);
    assert.deepEqual(Buffer.from((await store.get("/big", signal)).entry?.value ?? []), Buffer.from(value));
    assert.equal((await store.get("/empty", signal)).entry?.value.length, 0);
  });

  test(`${name}: an aborted request does not begin`, async () => {
    await using store = await open();
    const aborted = AbortSignal.abort();
    await assert.rejects(store.put({ key: "/a", value: bytes("x"), expected: 0 }, aborted));
    assert.equal((await store.get("/a", signal)).entry, undefined);
  });
}

/** Changes as text: revision, what, and what was before. */
function describe(change: Change): string {
  const now = change.type === "put" ? ` ${text(change.entry.value)}` : "";
  const before = change.previous === undefined ? "nothing" : text(change.previous.value);
  return `${revisionOf(change)} ${change.type} ${keyOf(change)}${now} was ${before}`;
}

async function take(watching: Watch, count: number): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const changes of watching) {
    found.push(...changes.map(describe));
    if (found.length >= count) break;
  }
  return found;
}

/** A watch to take changes from one after the other; it is over when it is disposed of. */
function watch(store: Store, prefix: string, after: number) {
  const ended = new AbortController();
  const iterator = store.watch(prefix, after, ended.signal)[Symbol.asyncIterator]();
  const left: Change[] = [];
  return {
    async take(count: number): Promise<readonly string[]> {
      while (left.length < count) left.push(...((await iterator.next()).value ?? []));
      return left.splice(0, count).map(describe);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      ended.abort();
      await iterator.return?.();
    },
  };
}
