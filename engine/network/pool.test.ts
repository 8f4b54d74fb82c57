import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { ReadyPool } from "./pool.ts";

function setUp(t: TestContext, size = 2) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const broken = new Set<number>();
  const discarded: number[] = [];
  const made = { count: 0, isFailing: false };
  const pool = new ReadyPool<number>({
    size,
    make: () => (made.isFailing ? Promise.reject(new Error("no more")) : Promise.resolve(++made.count)),
    isUsable: (item) => !broken.has(item),
    discard: (item) => Promise.resolve(void discarded.push(item)),
    log: silentLog,
  });
  return { pool, broken, discarded, made };
}

test("ReadyPool: makes nothing before it is asked, and what was taken a little later", async (t) => {
  const { pool, made } = setUp(t);
  assert.equal(made.count, 0);
  await pool.fill();
  assert.deepEqual([pool.take(), pool.take(), pool.take()], [1, 2, undefined]);
  assert.equal(made.count, 2);
  t.mock.timers.tick(1000);
  await pool.fill();
  assert.deepEqual([made.count, pool.size], [4, 2]);
});

test("ReadyPool: concurrent fills make no more than its size", async (t) => {
  const { pool, made } = setUp(t, 3);
  await Promise.all([pool.fill(), pool.fill(), pool.fill()]);
  assert.equal(made.count, 3);
});

test("ReadyPool: broken ones are discarded, not given", async (t) => {
  const { pool, broken, discarded } = setUp(t);
  await pool.fill();
  broken.add(1);
  assert.equal(pool.take(), 2);
  assert.deepEqual(discarded, [1]);
});

test("ReadyPool: a failure ends the filling until the next take", async (t) => {
  const { pool, made } = setUp(t);
  made.isFailing = true;
  await pool.fill();
  assert.equal(pool.size, 0);
  made.isFailing = false;
  pool.take();
  t.mock.timers.tick(1000);
  await pool.fill();
  assert.equal(pool.size, 2);
});

test("ReadyPool: disposing discards what is ready and ends the refilling", async (t) => {
  const { pool, discarded, made } = setUp(t);
  await pool.fill();
  pool.take();
  await pool[Symbol.asyncDispose]();
  t.mock.timers.tick(1000);
  await pool.fill();
  assert.deepEqual(discarded, [2]);
  assert.equal(made.count, 2);
});
