import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeSummary, UsageSampler } from "./usage-sampler.ts";

const start = Date.parse("2030-01-01T00:00:00Z");

/** A node that uses half a processor, and its pod a tenth. */
function openNode() {
  let nowMs = start;
  let asked = 0;
  let isGone = false;
  const usage = (cores: number) => ({
    cpu: { time: new Date(nowMs).toISOString(), usageCoreNanoSeconds: (nowMs - start) * 1e6 * cores },
    memory: { workingSetBytes: 4096 },
  });
  const sampler = new UsageSampler({
    nowMs: () => nowMs,
    async ask(): Promise<NodeSummary> {
      asked++;
      if (isGone) throw new Error("gone");
      const containers = [{ name: "main", ...usage(0.1) }];
      return { node: usage(0.5), pods: [{ podRef: { namespace: "default", name: "p" }, containers }] };
    },
    async wait(ms) {
      nowMs += ms;
    },
  });
  return {
    sampler,
    asked: () => asked,
    pass: (ms: number) => void (nowMs += ms),
    leave: () => void (isGone = true),
  };
}

test("UsageSampler: two samples are taken for the first answer, then one for each window, and none within five seconds", async (t) => {
  const { sampler, asked, pass } = openNode();
  const [first] = await Promise.all([sampler.of("n", t.signal), sampler.of("n", t.signal)]);
  assert.equal(asked(), 2);
  assert.deepEqual(first?.node, { nanoCores: 5e8, bytes: 4096 });
  assert.deepEqual(first?.pods.get("default/p")?.get("main"), { nanoCores: 1e8, bytes: 4096 });
  assert.equal(first?.windowMs, 1000);
  pass(4000);
  await sampler.of("n", t.signal);
  assert.equal(asked(), 2);
  pass(11_000);
  assert.equal((await sampler.of("n", t.signal))?.windowMs, 15_000);
  assert.equal(asked(), 3);
  // What is older says nothing of now.
  pass(600_000);
  assert.equal((await sampler.of("n", t.signal))?.windowMs, 1000);
  assert.equal(asked(), 5);
});

test("UsageSampler: a node that does not answer has no usage, not an old one either", async (t) => {
  const { sampler, pass, leave } = openNode();
  await sampler.of("n", t.signal);
  leave();
  pass(10_000);
  assert.equal(await sampler.of("n", t.signal), undefined);
});
