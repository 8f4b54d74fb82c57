import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import type { Database } from "#host/sqlite/database.ts";
import { type Item, Leases } from "./leases.ts";

let root: string;
let files = 0;
let now = 1_000_000;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-leases-"));
});
after(() => rm(root, { recursive: true }));

const a: Item = { kind: "blob", ref: "a" };
const b: Item = { kind: "snapshot", ref: "b" };
const file = () => join(root, `${++files}.db`);
const open = (db: Database) => new Leases({ db, now: () => now, log: silentLog });
const itemsOf = (leases: Leases) => Array.from(leases.items());

test("Leases: a held lease protects until it is released, and is not written down", async () => {
  using db = openEngineDatabase(file());
  const leases = open(db);
  {
    await using lease = leases.hold();
    await lease.protect(a);
    await lease.protect(a);
    assert.deepEqual(itemsOf(leases), [a]);
    assert.deepEqual(itemsOf(open(db)), []);
  }
  assert.deepEqual(itemsOf(leases), []);
});

test("Leases: a durable lease survives a restart, can be renewed, and expires", async () => {
  using db = openEngineDatabase(file());
  const lease = await open(db).acquire("pull", 60);
  await lease.protect(a);
  await lease.protect(b);
  const reopened = open(db);
  assert.deepEqual(itemsOf(reopened), [a, b]);
  assert.equal(await reopened.expire(), now + 60_000);
  now += 50_000;
  await (await reopened.acquire("pull", 60)).renew(100);
  now += 60_000;
  assert.equal(await reopened.expire(), now + 40_000);
  now += 40_000;
  assert.equal(await reopened.expire(), undefined);
  assert.deepEqual(itemsOf(reopened), []);
  assert.deepEqual(itemsOf(open(db)), []);
});

test("Leases: protecting waits for a removal under way, a removal asks who protects", async () => {
  using db = openEngineDatabase(file());
  const leases = open(db);
  const lease = leases.hold();
  const { promise, resolve } = Promise.withResolvers<void>();
  const removal = leases.removeUnheld(
    a,
    () => false,
    () => promise,
  );
  let isProtected = false;
  const protecting = lease.protect(a).then(() => {
    isProtected = true;
  });
  await lease.protect(b);
  assert.equal(isProtected, false);
  resolve();
  assert.equal(await removal, true);
  await protecting;
  assert.equal(isProtected, true);
  assert.equal(await leases.removeUnheld(a, () => true, assert.fail), false);
});

test("Leases: what was released protects nothing more", async () => {
  using db = openEngineDatabase(file());
  const lease = open(db).hold();
  await lease.release();
  await assert.rejects(lease.protect(a), /is over/);
});
