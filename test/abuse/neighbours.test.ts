import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// One container misbehaves as badly as it can within its limits; the one beside it and the engine must hardly notice.

/** What one round may take in any case: a scheduler's turn or two on a machine that others use as well. */
const noiseMicroseconds = 20_000;
/** Fair use of every processor. */
const compute = `${"while :; do :; done & ".repeat(availableParallelism())} wait`;
const rounds = 100;

let folder: string;
let engine: EngineUnderTest;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-abuse-"));
  const program = join(folder, "abuse");
  execFileSync("gcc", ["-static", "-O2", "-w", "-o", program, join(import.meta.dirname, "abuse.c")]);
  engine = await EngineUnderTest.start("10.241.0.1/16", undefined, ["--hardened"]);
  await loadBusybox(engine, "abuse:latest", {}, (rootfs) => copyFileSync(program, join(rootfs, "bin/abuse")));
  await engine.docker("run", "-d", "--init", "--name", "neighbour", "abuse", "sleep", "1000");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Microseconds of 99 of 100 rounds in the neighbour. */
async function neighbour(): Promise<number> {
  const { stdout, stderr } = await engine.docker("exec", "neighbour", "abuse", "probe", String(rounds));
  assert.match(stdout, /^\d+ \d+\n$/, stderr);
  return Number(stdout.split(" ")[1]);
}

/** Milliseconds of the slowest of pings and lists for as long as something takes. */
async function slowestAnswer(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let slowest = 0;
  while (!isOver)
    for (const path of ["/_ping", "/containers/json"]) {
      const begin = performance.now();
      assert.equal((await engine.api("GET", path)).status, 200);
      slowest = Math.max(slowest, performance.now() - begin);
    }
  await over;
  return slowest;
}

interface Abuse {
  readonly title: string;
  readonly options?: readonly string[];
  readonly command: readonly string[];
}

const abuses: readonly Abuse[] = [
  { title: "a fork bomb", options: ["--pids-limit", "200"], command: ["abuse", "forks"] },
  { title: "a memory hog", options: ["-m", "64m"], command: ["abuse", "memory"] },
  {
    title: "a flood of logs",
    options: ["--log-opt", "max-size=1m", "--log-opt", "max-file=2"],
    command: ["sh", "-c", "yes a line of a log that nobody reads"],
  },
  {
    title: "one that opens every descriptor it can",
    options: ["-m", "64m"],
    command: ["abuse", "descriptors"],
  },
  { title: "one that opens connections without end", command: ["abuse", "connections", "10.241.0.1"] },
];

/** The neighbour's p99, the better of two, and the engine's slowest answer, beside a container that does this. */
async function beside(options: readonly string[], command: readonly string[]) {
  const { code, stderr } = await engine.docker(
    "run",
    "-d",
    "--name",
    "other",
    ...options,
    "abuse",
    ...command,
  );
  assert.equal(code, 0, stderr);
  const measured: number[] = [];
  const slowest = await slowestAnswer(
    (async () => {
      for (let times = 0; times < 2; times++) measured.push(await neighbour());
    })(),
  );
  assert.equal((await engine.docker("run", "--rm", "abuse", "echo", "new")).stdout, "new\n");
  await engine.docker("rm", "-f", "other");
  return { p99: Math.min(...measured), slowest };
}

for (const { title, options = [], command } of abuses)
  test(`beside ${title} a neighbour's p99 at most doubles, and the engine answers`, async (t) => {
    const found: string[] = [];
    // What others do on the machine meanwhile shows in one comparison, not in three.
    for (let times = 0; times < 3; times++) {
      // What a container may always do is no abuse.
      const usual = await beside([], ["sh", "-c", compute]);
      const abused = await beside(options, command);
      found.push(`p99 ${usual.p99} and ${abused.p99} µs, answers within ${Math.round(abused.slowest)} ms`);
      t.diagnostic(found.at(-1) ?? "");
      if (abused.p99 <= Math.max(2 * usual.p99, noiseMicroseconds) && abused.slowest < 1000) return;
    }
    assert.fail(found.join("; "));
  });
