import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { changeCgroup, planChange } from "./change.ts";
import { weightOfShares } from "./plan-unified.ts";

test("planChange: v2 files, with swap apart from memory, both halves of the quota, and shares as a weight", () => {
  const layout = { kind: "v2", root: "/cg", controllers: [] } as const;
  const writes = planChange(layout, "/g/1", {
    devices: [{ allow: false, access: "rwm" }],
    memory: { limit: 100, swap: 150, reservation: 50 },
    cpu: { shares: 1024, quota: 5000, cpus: "0" },
    pids: { limit: -1 },
    blockIO: { weight: 300, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 0 }] },
  });
  assert.deepEqual(
    writes.map(({ file, value }) => `${file.replace("/cg/g/1/", "")} ${value}`),
    [
      "memory.max 100",
      "memory.swap.max 50",
      "memory.low 50",
      "cpu.weight 39",
      "cpu.max 5000 100000",
      "cpuset.cpus 0",
      "pids.max max",
      "io.bfq.weight 300",
      "io.max 8:0 rbps=max",
    ],
  );
});

test("weightOfShares: the ends of both ranges", () => {
  assert.deepEqual([2, 1024, 262_144, 0, 1e9].map(weightOfShares), [1, 39, 10_000, 1, 10_000]);
});

test("changeCgroup: a refused value takes back what was written before it, and undo takes back everything", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-change-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, value: string) => ({ file: join(folder, name), value });
  const content = () => ["a", "b"].map((name) => readFileSync(join(folder, name), "utf8").slice(0, 5));
  writeFileSync(join(folder, "a"), "old");
  writeFileSync(join(folder, "b"), "8:0 5\n8:1 7\n");
  assert.throws(
    () => changeCgroup([write("a", "new"), write("absent", "x")]),
    (error) => isFault(error, "precondition"),
  );
  assert.deepEqual(content(), ["old", "8:0 5"]);
  const undo = changeCgroup([write("a", "new"), write("b", "8:1 9")]);
  assert.deepEqual(content(), ["new", "8:1 9"]);
  undo();
  assert.deepEqual(content(), ["old", "8:1 7"]);
});
