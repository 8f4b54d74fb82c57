import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { removeFolder } from "./remove-folder.ts";

const names = ["one", "two", "three", "four", "five"];
const remover = `const { workerData: { turn, folder } } = require("node:worker_threads"), { unlinkSync } = require("node:fs");
for (;;) {
  Atomics.wait(turn, 0, 0);
  for (const name of ["three", "two", "one"]) try { unlinkSync(folder + "/" + name) } catch {}
  Atomics.store(turn, 0, 0);
}`;

test("removeFolder: leaves nothing when somebody removes files of it meanwhile", async () => {
  const parent = mkdtempSync(join(tmpdir(), "gantry-remove-"));
  const folder = join(parent, "folder");
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(remover, { eval: true, workerData: { turn, folder } });
  await once(worker, "online");
  for (let round = 0; round < 200; round++) {
    mkdirSync(folder);
    for (const name of names) writeFileSync(join(folder, name), "");
    Atomics.store(turn, 0, 1);
    Atomics.notify(turn, 0);
    removeFolder(folder);
    while (Atomics.load(turn, 0) === 1);
    assert.ok(!existsSync(folder));
  }
  await worker.terminate();
  rmSync(parent, { recursive: true });
});
