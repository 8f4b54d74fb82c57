import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { BlobWriter } from "./blob-writer.ts";
import { contentStoreContract } from "./content-store.contract.ts";
import { openFileStore } from "./file-store.ts";
import { firstThere } from "./first-there.ts";
import { sha256Of } from "./sha256.ts";

let root: string;
let stores = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-content-"));
});
after(() => rm(root, { recursive: true }));

async function newRoot(): Promise<string> {
  const folder = join(root, String(++stores));
  await mkdir(folder);
  return folder;
}
async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}

contentStoreContract("file store", async () => openFileStore(await newRoot()));

test("openFileStore: removes what a killed ingest left, keeps blobs", async (t) => {
  const folder = await newRoot();
  const { digest } = await (await openFileStore(folder)).ingest(of(Buffer.from("a")), {}, t.signal);
  await writeFile(join(folder, "ingest", "1"), "half");
  const store = await openFileStore(folder);
  assert.deepEqual(await readdir(join(folder, "ingest")), []);
  assert.deepEqual(await store.list(), [{ digest, size: 1 }]);
});

test("file store: failed ingests leave no file", async (t) => {
  const folder = await newRoot();
  const store = await openFileStore(folder);
  await assert.rejects(store.ingest(of(Buffer.from("a")), { size: 2 }, t.signal));
  assert.deepEqual(await readdir(join(folder, "ingest")), []);
});

test("file store: read and open notice a flipped bit; taking the blob in again mends it", async (t) => {
  const folder = await newRoot();
  const store = await openFileStore(folder);
  const content = Buffer.alloc(3_000_000, "x");
  const { digest } = await store.ingest(of(content), {}, t.signal);
  await using file = await open(store.pathsOf(digest)[0] ?? "", "r+");
  await file.write("y", 2_000_000);
  await assert.rejects(store.read(digest, 5_000_000), (error) => isFault(error, "internal"));
  await assert.rejects((await store.open(digest)).toArray(), (error) => isFault(error, "internal"));
  await store.ingest(of(content), {}, t.signal);
  assert.ok((await store.read(digest, 5_000_000)).equals(content));
});

test("BlobWriter: a full disk shows in write or finish, and nothing runs on behind its back", async () => {
  await using full = await open("/dev/full", "w");
  const writer = new BlobWriter(full);
  const writeAll = async () => {
    for (let count = 0; count < 20; count++) await writer.write(Buffer.alloc(1_000_000));
    await writer.finish();
  };
  await assert.rejects(writeAll(), { code: "ENOSPC" });
  await writer.settle();
});

test("file store: a full disk is an exhausted fault and leaves nothing", async (t) => {
  const folder = await newRoot();
  const store = await openFileStore(folder);
  const claim = () => Promise.reject(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));
  await assert.rejects(
    store.ingest(of(Buffer.from("a")), { claim }, t.signal),
    (error) => isFault(error, "exhausted") && /no space left on device/.test(error.message),
  );
  assert.deepEqual(await readdir(join(folder, "ingest")), []);
});

test("file store: chunks of any sizes come back as they went in", async (t) => {
  const store = await openFileStore(await newRoot());
  const sizes = fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, async (lengths) => {
      const chunks = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const whole = Buffer.concat(chunks);
      const { digest, size } = await store.ingest(of(...chunks), { size: whole.length }, t.signal);
      assert.equal(digest, sha256Of(whole));
      assert.ok((await store.read(digest, size)).equals(whole));
    }),
    { numRuns: 20 },
  );
});

test("file store: a transfer that is broken off is gone on with, also by the next store; rotten bytes are fetched anew", async (t) => {
  const folder = await newRoot();
  const content = Buffer.alloc(5_000_000, "abc");
  const digest = sha256Of(content);
  const known = { digest, size: content.length };
  const offsets: number[] = [];
  const broken = async function* (offset: number) {
    offsets.push(offset);
    yield content.subarray(offset, 3_500_000);
    throw new Error("connection lost");
  };
  const whole = async function* (offset: number) {
    offsets.push(offset);
    yield content.subarray(offset);
  };
  await assert.rejects((await openFileStore(folder)).resume(known, broken, t.signal), /connection lost/);
  const partial = join(folder, "partial", digest.slice(7));
  const { size } = await stat(partial);
  assert.ok(size > 1_000_000 && size <= 3_500_000, String(size));
  const store = await openFileStore(folder);
  await store.dropPartial((each) => each === digest);
  await store.resume(known, whole, t.signal);
  assert.deepEqual(offsets, [0, size]);
  assert.ok((await store.read(digest, content.length)).equals(content));
  await store.remove(digest);
  await writeFile(partial, Buffer.alloc(1000));
  await store.resume(known, whole, t.signal);
  assert.deepEqual(offsets, [0, size, 1000, 0]);
  await writeFile(partial, Buffer.alloc(1000));
  await store.dropPartial(() => false);
  assert.deepEqual(await readdir(join(folder, "partial")), []);
});

test("file store: a volatile blob is gone with its store, a settled one is not", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "gantry-content-"));
  t.after(() => rm(root, { recursive: true }));
  const one = (text: string) =>
    (async function* () {
      yield Buffer.from(text);
    })();
  const store = await openFileStore(root);
  const settled = await store.ingest(one("settled"), { isVolatile: true }, t.signal);
  const before = store.pathsOf(settled.digest);
  await store.settle();
  const other = await store.ingest(one("other"), { isVolatile: true }, t.signal);
  await store.settle();
  const text = await firstThere(before, (path) => readFile(path, "latin1"));
  assert.equal(text, "settled", "who got those names before still reads it");
  await store.remove(other.digest);
  const lost = await store.ingest(one("lost"), { isVolatile: true }, t.signal);
  const next = await openFileStore(root);
  assert.deepEqual(await next.list(), [settled]);
  assert.equal(await next.find(lost.digest), undefined);
});
