import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { isFault } from "#base/fault.ts";
import { type Candidate, chooseVictim, evictionMessage, shortages } from "./plan-eviction.ts";
import { parseThresholds, usualThresholds } from "./thresholds.ts";

const mebi = 1024 * 1024;

function candidate(name: string, used: number, requested?: string, priority?: number): Candidate {
  const resources = requested === undefined ? {} : { requests: { memory: requested } };
  const containers = [{ name: "main", image: "x", resources }];
  const spec = { containers, ...(priority !== undefined && { priority }) };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec };
  return { pod, containers: [{ name: "main", bytes: used * mebi }] };
}

test("parseThresholds: amounts and shares of known signals, and nothing else", () => {
  assert.equal(usualThresholds.length, 5);
  assert.deepEqual(parseThresholds(""), []);
  for (const text of [
    "memory.available",
    "memory.available<",
    "memory<1Mi",
    "memory.available<x",
    "pid.available<-1",
  ])
    assert.throws(
      () => parseThresholds(text),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("shortages: what is less than its threshold, of all there is or as an amount", () => {
  const thresholds = parseThresholds("memory.available<100Mi,nodefs.available<10%,imagefs.available<15%");
  const found = shortages(thresholds, {
    "memory.available": { capacity: 1000 * mebi, available: 99 * mebi },
    "nodefs.available": { capacity: 1000, available: 100 },
  });
  assert.deepEqual(
    found.map(({ threshold }) => threshold.signal),
    ["memory.available"],
  );
});

test("chooseVictim: above their requests first, then by priority, then by how much above", () => {
  const choose = (...all: readonly Candidate[]) => chooseVictim(all, "memory")?.pod.metadata.name;
  assert.equal(choose(candidate("within", 500, "1Gi"), candidate("above", 20, "10Mi", 100)), "above");
  assert.equal(choose(candidate("high", 500, "1Mi", 100), candidate("low", 20, "1Mi")), "low");
  assert.equal(choose(candidate("some", 20), candidate("more", 30)), "more");
  assert.equal(choose(candidate("critical", 500, undefined, 2_000_001_000)), undefined);
});

test("evictionMessage: says what is low and which containers took more than they asked for", () => {
  const [threshold] = parseThresholds("memory.available<100Mi");
  assert.ok(threshold);
  const shortage = { threshold, available: 52 * mebi, leastAvailable: 100 * mebi };
  assert.equal(
    evictionMessage(shortage, candidate("a", 30)),
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container main was using 30Mi, request is 0, has larger consumption of memory. ",
  );
});
