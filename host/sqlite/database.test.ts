import assert from "node:assert/strict";
import fs, { mkdtempSync, rmSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Database } from "./database.ts";

function open(t: TestContext): Database {
  const folder = mkdtempSync(join(tmpdir(), "gantry-database-"));
  const database = new Database(join(folder, "a.db"), ["CREATE TABLE one (value TEXT)"], {
    syncsAside: true,
  });
  t.after(() => {
    database[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  return database;
}

type Sync = (file: number, done: (error: NodeJS.ErrnoException | null) => void) => void;

/** How the disk is waited for until the test ends. */
function syncWith(t: TestContext, sync: Sync): void {
  t.mock.method(fs, "fdatasync", sync);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

const insert = (database: Database, value: string) =>
  database.write(() => void database.sql.prepare("INSERT INTO one VALUES (?)").run(value));
const count = (database: Database) =>
  database.sql.prepare("SELECT count(*) AS all_ FROM one").get()?.["all_"];

test("Database, syncs aside: a write is done when the disk says so, and what comes meanwhile waits for its turn", async (t) => {
  const database = open(t);
  const syncs: (() => void)[] = [];
  syncWith(t, (_file, done) => void syncs.push(() => done(null)));
  const done: string[] = [];
  const first = insert(database, "a").then(() => done.push("a"));
  await turn();
  const second = insert(database, "b").then(() => done.push("b"));
  await turn();
  assert.deepEqual([done, database.isSettled, count(database), syncs.length], [[], false, 1, 1]);
  syncs[0]?.();
  await first;
  assert.deepEqual([done, database.isSettled, count(database), syncs.length], [["a"], false, 2, 2]);
  syncs[1]?.();
  await second;
  assert.ok(database.isSettled);
});

test("Database, syncs aside: when the disk fails the write does, nothing more is written, and what can be read stays unsettled", async (t) => {
  const database = open(t);
  syncWith(t, (_file, done) => setImmediate(done, new Error("EIO")));
  await assert.rejects(insert(database, "a"), /EIO/);
  await assert.rejects(insert(database, "b"), /EIO/);
  assert.deepEqual([count(database), database.isSettled], [1, false]);
});

test("Database, syncs aside: closed, it has waited for the disk; later writes are refused", async (t) => {
  const database = open(t);
  const late: (() => void)[] = [];
  syncWith(t, (_file, done) => void late.push(() => done(null)));
  const under = insert(database, "a");
  await turn();
  const gathered = insert(database, "b");
  database[Symbol.dispose]();
  await Promise.all([under, gathered]);
  for (const done of late) done();
  await assert.rejects(insert(database, "c"));
});
