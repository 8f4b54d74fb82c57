import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

// Runs every test, or those in the files and folders that are named, and ends with one line that says how it went.

/** They start engines, fill disks, kill things and look for what is left: each has the machine for itself. */
const alone = "test/*/**/*.test.ts";
const unitTimeoutMs = 120_000;
const aloneTimeoutMs = 300_000;
const graceS = 5;
const watchEveryMs = 2000;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** A line for each that failed. */
  readonly failures: readonly string[];
}

const named = process.argv.slice(2).map((path) => path.replace(/\/$/, ""));
const isWanted = (file: string) =>
  named.length === 0 || named.some((path) => file === path || file.startsWith(`${path}/`));
const serial = globSync(alone).filter(isWanted).sort();
const exclude = ["node_modules/**", ".node/**", alone];
const parallel = globSync("**/*.test.ts", { exclude }).filter(isWanted).sort();

const results = [
  await runFiles(parallel, availableParallelism(), unitTimeoutMs),
  await runFiles(serial, 1, aloneTimeoutMs),
];
const sum = (count: (counts: Counts) => number) =>
  results.reduce((total, counts) => total + count(counts), 0);
const [passed, failed, skipped] = [sum((c) => c.passed), sum((c) => c.failed), sum((c) => c.skipped)];
const failures = results.flatMap((counts) => counts.failures.map((line) => `${line}\n`));
const outcome = `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
process.stdout.write(`\n${failures.join("")}${outcome}\n`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** A test that takes longer than `timeout` fails, and so does a file that goes on after that, whatever keeps it. */
async function runFiles(files: readonly string[], concurrency: number, timeout: number): Promise<Counts> {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, failures: [] };
  const tests = run({ files: [...files], concurrency, timeout });
  const summary = Promise.withResolvers<Counts>();
  const failures: string[] = [];
  tests.on("test:fail", ({ name, file = "", details: { error } }) => {
    const isOfParts = "failureType" in error && error.failureType === "subtestsFailed";
    if (!isOfParts) failures.push(`✖ ${relative(".", file)}: ${name}`);
  });
  tests.on("test:summary", ({ file, counts }) => {
    if (file !== undefined) return;
    const unsuccessful = counts.tests - counts.passed - counts.skipped - counts.todo;
    const skipped = counts.skipped + counts.todo;
    summary.resolve({ passed: counts.passed, failed: unsuccessful, skipped, failures });
  });
  tests.compose(spec).pipe(process.stdout, { end: false });
  const watch = setInterval(() => endChildrenOlderThan(timeout / 1000 + graceS), watchEveryMs);
  return await summary.promise.finally(() => clearInterval(watch));
}

/** The test runner itself only waits for a file whose tests are over and whose process is not. */
function endChildrenOlderThan(limitS: number): void {
  const args = ["-o", "pid=,etimes=,comm=", "--ppid", String(process.pid)];
  for (const line of execFileSync("ps", args, { encoding: "utf8" }).trim().split("\n")) {
    const [pid, ageS, name] = line.trim().split(/\s+/);
    if (name !== "ps" && Number(ageS) > limitS) process.kill(Number(pid), "SIGKILL");
  }
}
