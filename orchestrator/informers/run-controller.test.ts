import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { systemTimers } from "#host/system-timers.ts";
import { runController } from "./run-controller.ts";

test("runController: what fails is tried again, what asks for it comes again, and the signal ends it all", async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  const controller = {
    name: "test",
    // oxlint-disable-next-line require-await
    async reconcile(key: string) {
      seen.push(key);
      if (seen.length === 1) throw new Error("not yet");
      if (seen.length === 2) return { afterMs: 1 };
      done.resolve();
      return undefined;
    },
  };
  const { queue, ended } = runController({ timers: systemTimers, log: silentLog }, controller, stop.signal);
  queue.add("a");
  await done.promise;
  assert.deepEqual(seen, ["a", "a", "a"]);
  assert.equal(queue.requeues("a"), 0);
  stop.abort();
  await ended;
});
