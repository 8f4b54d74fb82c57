import assert from "node:assert/strict";
import { test } from "node:test";
import { untilAborted } from "./until-aborted.ts";

test("untilAborted: settles as the promise does, or rejects with the signal's reason, whichever is first", async () => {
  const stop = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(1), stop.signal), 1);
  const failed = new Error("failed");
  await assert.rejects(untilAborted(Promise.reject(failed), stop.signal), failed);
  const waiting = untilAborted(new Promise(() => {}), stop.signal);
  const reason = new Error("enough");
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(untilAborted(new Promise(() => {}), stop.signal), reason);
});
