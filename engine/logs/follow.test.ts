import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { readLog } from "./json-file.ts";

const folder = await mkdtemp(join(tmpdir(), "gantry-follow-"));
after(() => rm(folder, { recursive: true, force: true }));

const lines = 20_000;

/** Writes numbered lines as fast as it can, in pieces that often end inside a record, with a rotation now and then. */
const writerSource = `
  import { workerData } from "node:worker_threads";
  import { encodeRecord, JsonFileWriter } from ${JSON.stringify(import.meta.resolve("./json-file-writer.ts"))};
  const { path, maxFiles, lines } = workerData;
  using writer = new JsonFileWriter(path, maxFiles);
  let held = "";
  for (let line = 0; line < lines; line++) {
    held += encodeRecord({ stream: "stdout", text: line + "\\n", time: "2026-11-26T10:00:00.000000000Z" });
    if (line % 997 === 0) {
      writer.append(held);
      held = "";
      writer.rotate();
    } else if (line % 13 === 0) {
      const cut = held.length - (line % 60);
      writer.append(held.slice(0, cut));
      held = held.slice(cut);
    }
  }
  writer.append(held);
`;

function startWriter(path: string, maxFiles: number): Promise<void> {
  const worker = new Worker(writerSource, { eval: true, workerData: { path, maxFiles, lines } });
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
}

async function followAll(path: string, ended: Promise<void>): Promise<number[]> {
  const query = { stdout: true, stderr: true, timestamps: false, follow: true, framing: "raw" } as const;
  let text = "";
  for await (const chunk of readLog({ path, ended }, query, new AbortController().signal)) text += chunk;
  assert.ok(text.endsWith("\n"));
  return text.slice(0, -1).split("\n").map(Number);
}

test("readLog: no line is lost or doubled by a writer that rotates while it is followed", async () => {
  const path = join(folder, "kept.log");
  const ended = startWriter(path, 1000);
  const [seen] = await Promise.all([followAll(path, ended), ended]);
  assert.equal(seen.length, lines);
  assert.ok(seen.every((line, index) => line === index));
});

test("readLog: when old files are deleted, what is left comes in order and once", async () => {
  const path = join(folder, "dropped.log");
  const ended = startWriter(path, 2);
  const [seen] = await Promise.all([followAll(path, ended), ended]);
  assert.equal(seen.at(-1), lines - 1);
  assert.ok(seen.every((line, index) => index === 0 || line > (seen[index - 1] as number)));
});
