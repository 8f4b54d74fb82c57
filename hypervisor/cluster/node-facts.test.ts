import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { readNodeFacts, topologyOf } from "./node-facts.ts";

test("topologyOf: counts cores once for each of their threads, by socket", () => {
  const block = (socket: number, core: number) =>
    `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}`;
  const text = [block(0, 0), block(0, 0), block(0, 1), block(1, 0)].join("\n\n");
  assert.deepEqual(topologyOf(text), { cores: 3, sockets: 2 });
  assert.deepEqual(topologyOf("processor : 0"), { cores: 0, sockets: 0 });
});

test("readNodeFacts: this machine has memory, threads and a disk", () => {
  const facts = readNodeFacts(tmpdir());
  assert.ok(facts.memBytes > facts.freeMemBytes && facts.threads >= 1 && facts.cores >= 1);
  assert.ok(facts.capacityBytes > facts.usedBytes);
});
