import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import type { ContentStore } from "./content-store.ts";
import { sha256Of } from "./sha256.ts";

/** What every content store must do. `open` gives an empty one. */
export function contentStoreContract(name: string, open: () => Promise<ContentStore>): void {
  const content = Buffer.from("hello, layers");
  const digest = sha256Of(content);
  const other = sha256Of("something else");
  async function* pieces() {
    yield content.subarray(0, 5);
    yield content.subarray(5);
  }

  test(`${name}: takes a blob in and gives it back`, async (t) => {
    const store = await open();
    assert.deepEqual(await store.ingest(pieces(), {}, t.signal), { digest, size: 13 });
    assert.deepEqual(await store.find(digest), { digest, size: 13 });
    assert.deepEqual(await store.read(digest, 100), content);
    assert.deepEqual(Buffer.concat(await (await store.open(digest)).toArray()), content);
    assert.deepEqual(await store.list(), [{ digest, size: 13 }]);
  });

  test(`${name}: takes an empty blob`, async (t) => {
    const store = await open();
    const { digest: empty } = await store.ingest((async function* () {})(), { size: 0 }, t.signal);
    assert.equal((await store.read(empty, 0)).length, 0);
    assert.deepEqual(await (await store.open(empty)).toArray(), []);
  });

  test(`${name}: refuses content that is not what was expected and keeps none of it`, async (t) => {
    const store = await open();
    for (const expected of [{ digest: other }, { size: 12 }, { size: 14 }, { size: 13, digest: other }])
      await assert.rejects(store.ingest(pieces(), expected, t.signal), (error) => isFault(error, "invalid"));
    assert.deepEqual(await store.list(), []);
  });

  test(`${name}: stops reading as soon as there is too much`, async (t) => {
    const store = await open();
    let count = 0;
    async function* endless() {
      for (;;) {
        count++;
        yield Buffer.alloc(1000);
      }
    }
    await assert.rejects(store.ingest(endless(), { size: 2500 }, t.signal), /longer than/);
    assert.equal(count, 3);
  });

  test(`${name}: asks for the claim before the blob can be seen, and obeys it`, async (t) => {
    const store = await open();
    let seen: unknown = "not asked";
    const claim = async () => {
      seen = await store.find(digest);
    };
    await store.ingest(pieces(), { claim }, t.signal);
    assert.equal(seen, undefined);
    await store.remove(digest);
    const refusal = new Error("no");
    await assert.rejects(store.ingest(pieces(), { claim: () => Promise.reject(refusal) }, t.signal), refusal);
    assert.equal(await store.find(digest), undefined);
  });

  test(`${name}: an abort ends an ingest whose source keeps it waiting`, async () => {
    const store = await open();
    const abort = new AbortController();
    async function* stuck() {
      yield content;
      setImmediate(() => abort.abort());
      await new Promise(() => {});
    }
    await assert.rejects(store.ingest(stuck(), {}, abort.signal), { name: "AbortError" });
    assert.deepEqual(await store.list(), []);
  });

  test(`${name}: passes the source's own error on`, async (t) => {
    const store = await open();
    async function* broken() {
      yield content;
      throw new Error("connection lost");
    }
    await assert.rejects(store.ingest(broken(), {}, t.signal), /connection lost/);
    assert.deepEqual(await store.list(), []);
  });

  test(`${name}: says what is missing and what is too large`, async (t) => {
    const store = await open();
    await assert.rejects(store.open(other), (error) => isFault(error, "not-found"));
    await assert.rejects(store.read(other, 10), (error) => isFault(error, "not-found"));
    await store.ingest(pieces(), {}, t.signal);
    await assert.rejects(store.read(digest, 12), (error) => isFault(error, "invalid"));
  });

  test(`${name}: removing is idempotent, taking in twice is fine`, async (t) => {
    const store = await open();
    await Promise.all([store.ingest(pieces(), {}, t.signal), store.ingest(pieces(), {}, t.signal)]);
    assert.equal((await store.list()).length, 1);
    await store.remove(digest);
    await store.remove(digest);
    assert.deepEqual(await store.list(), []);
  });

  test(`${name}: resumes a transfer, whole when it is done, at once when it is there`, async (t) => {
    const store = await open();
    const offsets: number[] = [];
    const claims: string[] = [];
    const known = { digest, size: 13, claim: async (claimed: string) => void claims.push(claimed) };
    const from = (offset: number) => {
      offsets.push(offset);
      return (async function* () {
        yield content.subarray(offset);
      })();
    };
    assert.deepEqual(await store.resume(known, from, t.signal), { digest, size: 13 });
    assert.deepEqual(await store.resume(known, from, t.signal), { digest, size: 13 });
    assert.deepEqual(await store.read(digest, 100), content);
    assert.deepEqual(offsets, [0]);
    assert.deepEqual(claims, [digest, digest]);
  });

  test(`${name}: a transfer of something else leaves nothing`, async (t) => {
    const store = await open();
    for (const known of [
      { digest: other, size: 13 },
      { digest, size: 14 },
      { digest, size: 12 },
    ])
      await assert.rejects(store.resume(known, pieces, t.signal), (error) => isFault(error, "invalid"));
    assert.deepEqual(await store.list(), []);
  });

  test(`${name}: takes a file over`, async () => {
    const store = await open();
    const folder = await mkdtemp(join(tmpdir(), "gantry-adopt-"));
    const path = join(folder, "file");
    await writeFile(path, content);
    await store.adopt(path, digest);
    assert.deepEqual(await store.read(digest, 100), content);
    await assert.rejects(readFile(path), { code: "ENOENT" });
    await rm(folder, { recursive: true });
  });

  test(`${name}: a volatile blob is there like another one, before and after it settles`, async (t) => {
    const store = await open();
    const claimed: string[] = [];
    const fill = async (path: string) => {
      await writeFile(path, content);
      return { digest, size: content.length };
    };
    await store.ingestFile(fill, async (hash) => void claimed.push(hash));
    await store.ingest(pieces(), { isVolatile: true }, t.signal);
    assert.deepEqual(claimed, [digest]);
    assert.deepEqual(await store.read(digest, 100), content);
    await store.settle();
    await store.settle();
    assert.deepEqual(await store.find(digest), { digest, size: content.length });
    assert.deepEqual(await store.list(), [{ digest, size: content.length }]);
    await store.remove(digest);
    assert.equal(await store.find(digest), undefined);
  });
}
