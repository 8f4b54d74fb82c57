import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { EncryptedStore, type EncryptionKey } from "./encrypted-store.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { storeContract } from "./store.contract.ts";

let folder = "";
let files = 0;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-encrypted-"));
});
after(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const newFile = () => join(folder, `${++files}.db`);
const newKey = (id: string): EncryptionKey => ({ id, key: randomBytes(32) });
const plain = (file = newFile()) => new SqliteStore({ file, log: silentLog, now: () => Date.now() / 1000 });
const bytes = (text: string) => new TextEncoder().encode(text);
const secrets = "/registry/core/secrets/";

function over(store: SqliteStore, first: EncryptionKey, ...others: readonly EncryptionKey[]): EncryptedStore {
  return new EncryptedStore({ store, keys: [first, ...others], prefixes: [secrets] });
}

storeContract(
  "EncryptedStore",
  async () => new EncryptedStore({ store: plain(), keys: [newKey("k")], prefixes: ["/"] }),
);

test("EncryptedStore: what is secret is not in the file, what is not stays readable", async () => {
  const file = newFile();
  {
    await using store = over(plain(file), newKey("k1"));
    await store.put({ key: `${secrets}a/b`, value: bytes("correct horse"), expected: 0 }, signal);
    await store.put(
      { key: "/registry/core/configmaps/a/b", value: bytes("battery staple"), expected: 0 },
      signal,
    );
  }
  const text = readFileSync(file, "latin1");
  assert.ok(!text.includes("correct horse") && text.includes("k8s:enc:aesgcm:v1:k1:"));
  assert.ok(text.includes("battery staple"));
});

test("EncryptedStore: values from before, and of older keys, are read and rewritten", async () => {
  const file = newFile();
  const [old, current] = [newKey("old"), newKey("new")];
  const inner = plain(file);
  const names = Array.from({ length: 1201 }, (_, index) => `${secrets}a/${String(index).padStart(4, "0")}`);
  for (const key of names.slice(0, 3)) await inner.put({ key, value: bytes(key), expected: 0 }, signal);
  const before = over(inner, old);
  await Promise.all(names.slice(3).map((key) => before.put({ key, value: bytes(key), expected: 0 }, signal)));
  await using store = over(inner, current, old);
  assert.equal(await store.rewrite(signal), names.length);
  assert.equal(await store.rewrite(signal), 0);
  const page = await store.list({ prefix: secrets }, signal);
  assert.deepEqual(
    page.entries.map(({ value }) => new TextDecoder().decode(value)),
    names,
  );
  const raw = await inner.list({ prefix: secrets }, signal);
  assert.ok(
    raw.entries.every(({ value }) =>
      Buffer.from(value).toString("latin1").startsWith("k8s:enc:aesgcm:v1:new:"),
    ),
  );
});

test("EncryptedStore: a value that was changed, moved or lost its key is told, not given", async () => {
  const inner = plain();
  await using store = over(inner, newKey("k"));
  const key = `${secrets}a/b`;
  await store.put({ key, value: bytes("x"), expected: 0 }, signal);
  const { entry } = await inner.get(key, signal);
  assert.ok(entry);
  const unreadable = (error: unknown) =>
    isFault(error, "internal") && error.message.includes("cannot be decrypted");
  await inner.put({ key: `${secrets}a/moved`, value: entry.value, expected: 0 }, signal);
  await assert.rejects(store.get(`${secrets}a/moved`, signal), unreadable);
  for (const at of [0, 3, entry.value.length - 20, entry.value.length - 1]) {
    const value = Buffer.from(entry.value);
    value[at] = (value[at] ?? 0) ^ 1;
    const name = `${secrets}changed/${at}`;
    await inner.put({ key: name, value, expected: 0 }, signal);
    if (at > 18) await assert.rejects(store.get(name, signal), unreadable);
  }
  await inner.put({ key: `${secrets}a/short`, value: entry.value.subarray(0, 30), expected: 0 }, signal);
  await assert.rejects(store.get(`${secrets}a/short`, signal), unreadable);
  await assert.rejects(over(inner, newKey("other")).get(key, signal), unreadable);
});
