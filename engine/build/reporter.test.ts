import assert from "node:assert/strict";
import { test } from "node:test";
import { OrderedReporters } from "./reporter.ts";

test("OrderedReporters: a later stage's progress waits for those before it", async () => {
  const out: string[] = [];
  const reporters = new OrderedReporters({ text: async (text) => void out.push(text) });
  const [first, second, third] = [reporters.open(), reporters.open(), reporters.open()];
  await third.text("3");
  await third.done();
  await second.text("2");
  await first.text("1");
  assert.deepEqual(out, ["1"]);
  await first.done();
  assert.deepEqual(out, ["1", "2"]);
  await second.text("more");
  await second.done();
  assert.deepEqual(out, ["1", "2", "more", "3"]);
});

test("OrderedReporters: a stage that says much waits for its turn", async () => {
  const out: number[] = [];
  const reporters = new OrderedReporters({ text: async (text) => void out.push(text.length) });
  const [first, second] = [reporters.open(), reporters.open()];
  await second.text("x".repeat(1 << 20));
  let isOut = false;
  const waits = second.text("last").then(() => (isOut = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isOut, false);
  await first.done();
  await waits;
  assert.deepEqual(out, [1 << 20, 4]);
});
