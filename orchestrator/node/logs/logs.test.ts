import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import type { NodeDeps } from "../node-deps.ts";
import { parseLogLine } from "./log-line.ts";
import { lastLines } from "./log-tail.ts";
import { type ReadOptions, readLog } from "./read-log.ts";
import { rotateLogs } from "./rotate-logs.ts";

const lines = [
  "2026-01-01T00:00:00.000000001Z stdout F one",
  "2026-01-01T00:00:01.000000002Z stderr F two",
  "2026-01-01T00:00:02.000000003Z stdout P thr",
  "2026-01-01T00:00:02.000000004Z stdout F ee",
];

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-test-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function read(path: string, options: Partial<ReadOptions>): Promise<string> {
  const parts: Uint8Array[] = [];
  const all = { follow: false, timestamps: false, isRunning: () => Promise.resolve(false), ...options };
  for await (const part of readLog(path, all, AbortSignal.timeout(10_000))) parts.push(part);
  return Buffer.concat(parts).toString();
}

test("parseLogLine: what is no line of a log is nothing", () => {
  for (const text of ["", "x", "a b c", "2026-01-01T00:00:00Z stdin F x"])
    assert.equal(parseLogLine(Buffer.from(text)), undefined);
});

const cases: readonly (readonly [string, Partial<ReadOptions>, string])[] = [
  ["all of it", {}, "one\ntwo\nthree\n"],
  ["the end", { tailLines: 3 }, "two\nthree\n"],
  ["nothing of the end", { tailLines: 0 }, ""],
  ["one stream", { stream: "stderr" }, "two\n"],
  ["since a time", { since: "2026-01-01T00:00:01Z" }, "two\nthree\n"],
  ["so many bytes", { limitBytes: 6 }, "one\ntw"],
  [
    "with times, once for a line in parts",
    { timestamps: true, tailLines: 2 },
    "2026-01-01T00:00:02.000000003Z three\n",
  ],
];

for (const [name, options, text] of cases) {
  test(`readLog: ${name}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, "0.log");
      writeFileSync(path, `${lines.join("\n")}\n`);
      assert.equal(await read(path, options), text);
    }));
}

test("readLog: a log that is followed goes on in the file that takes its place", () =>
  inFolder(async (folder) => {
    const path = join(folder, "0.log");
    writeFileSync(path, `${lines[0]}\n`);
    let isRunning = true;
    const found: string[] = [];
    const options = { follow: true, timestamps: false, isRunning: () => Promise.resolve(isRunning) };
    for await (const part of readLog(path, options, AbortSignal.timeout(10_000))) {
      found.push(Buffer.from(part).toString());
      if (found.length === 1) appendFileSync(path, `${lines[1]}\n`);
      if (found.length !== 2) continue;
      renameSync(path, `${path}.1`);
      writeFileSync(path, `${lines[0]}\n`);
      isRunning = false;
    }
    assert.deepEqual(found, ["one\n", "two\n", "one\n"]);
  }));

test("lastLines: no more lines and bytes than asked for", () =>
  inFolder(async (folder) => {
    const path = join(folder, "0.log");
    writeFileSync(path, `${lines.slice(0, 2).join("\n")}\n`);
    assert.equal(lastLines(path, 1, 100), "two\n");
    assert.equal(lastLines(path, 2, 100), "one\ntwo\n");
    assert.equal(lastLines(path, 2, 4), "two\n");
    assert.equal(lastLines(join(folder, "none"), 2, 5), "");
    await Promise.resolve();
  }));

test("rotateLogs: a long log is set aside, older ones are compressed, the oldest go", (t) =>
  inFolder(async (folder) => {
    const path = join(folder, "0.log");
    let now = Date.UTC(2026, 0, 1);
    const runtime = {
      listContainers: () => Promise.resolve({ containers: [{ id: "c" }] }),
      containerStatus: () => Promise.resolve({ status: { logPath: path } }),
      reopenContainerLog: () => {
        writeFileSync(path, "");
        return Promise.resolve({});
      },
    };
    const deps = { cri: { runtime }, timers: { now: () => now }, log: silentLog } as unknown as NodeDeps;
    writeFileSync(path, "short");
    await rotateLogs(deps, t.signal);
    assert.equal(readFileSync(path, "utf8"), "short");
    for (let i = 0; i < 7; i++) {
      truncateSync(path, 10 * 1024 * 1024);
      await rotateLogs(deps, t.signal);
      now += 60_000;
    }
    const names = readdirSync(folder).toSorted();
    assert.equal(names.length, 5);
    assert.equal(names.filter((name) => name.endsWith(".gz")).length, 3);
  }));
