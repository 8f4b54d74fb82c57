import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualTimers } from "./manual-timers.ts";
import { WorkQueue } from "./work-queue.ts";

function open(): { timers: ManualTimers; queue: WorkQueue } {
  const timers = new ManualTimers();
  return { timers, queue: new WorkQueue({ timers }) };
}

test("WorkQueue: a key that is added twice is taken once", async () => {
  const { queue } = open();
  queue.add("a");
  queue.add("a");
  queue.add("b");
  assert.equal(queue.length, 2);
  assert.equal(await queue.get(), "a");
  assert.equal(await queue.get(), "b");
  assert.equal(queue.length, 0);
});

test("WorkQueue: a key that is added while it is worked on comes again when that is done", async () => {
  const { queue } = open();
  queue.add("a");
  await queue.get();
  queue.add("a");
  queue.add("a");
  assert.equal(queue.tryGet(), undefined);
  queue.done("a");
  assert.equal(queue.tryGet(), "a");
  queue.done("a");
  assert.ok(queue.isIdle);
});

test("WorkQueue: repeats wait twice as long each time, until the key is forgotten", () => {
  const { timers, queue } = open();
  for (const delayMs of [5, 10, 20]) {
    queue.addRateLimited("a");
    timers.advance(delayMs - 1);
    assert.equal(queue.tryGet(), undefined);
    timers.advance(1);
    assert.equal(queue.tryGet(), "a");
    queue.done("a");
  }
  assert.equal(queue.requeues("a"), 3);
  queue.forget("a");
  queue.addRateLimited("a");
  timers.advance(5);
  assert.equal(queue.tryGet(), "a");
});

test("WorkQueue: of several delays of a key the shortest counts", () => {
  const { timers, queue } = open();
  queue.addAfter("a", 100);
  queue.addAfter("a", 10);
  queue.addAfter("a", 50);
  timers.advance(10);
  assert.equal(queue.tryGet(), "a");
  queue.done("a");
  timers.advance(1000);
  assert.equal(queue.tryGet(), undefined);
});

test("WorkQueue: a shutdown ends who waits, hands out what is there and takes nothing more", async () => {
  const { timers, queue } = open();
  const waiting = queue.get();
  queue.shutDown();
  assert.equal(await waiting, undefined);
  queue.add("a");
  assert.equal(await queue.get(), undefined);
  assert.equal(timers.pending, 0);
});

test("WorkQueue: no key is worked on twice at once, and none that was added is lost", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("add" as const), key: fc.constantFrom("a", "b", "c") }),
    fc.record({ do: fc.constant("take" as const) }),
    fc.record({ do: fc.constant("done" as const), key: fc.constantFrom("a", "b", "c") }),
    fc.record({ do: fc.constant("later" as const), key: fc.constantFrom("a", "b", "c"), ms: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { timers, queue } = open();
      const held = new Set<string>();
      const owed = new Set<string>();
      const take = () => {
        const key = queue.tryGet();
        if (key === undefined) return false;
        assert.ok(!held.has(key));
        held.add(key);
        owed.delete(key);
        return true;
      };
      for (const each of steps)
        if (each.do === "add") {
          queue.add(each.key);
          owed.add(each.key);
        } else if (each.do === "later") {
          queue.addAfter(each.key, each.ms);
          owed.add(each.key);
        } else if (each.do === "take") take();
        else if (held.delete(each.key)) queue.done(each.key);
      timers.advance(20);
      for (const key of held) {
        held.delete(key);
        queue.done(key);
      }
      while (take());
      assert.deepEqual([...owed], []);
    }),
  );
});
