import assert from "node:assert/strict";
import { test } from "node:test";
import { type Health, healthAfter, pauseBeforeProbe, planHealthCheck } from "./health.ts";
import { ProbeOutput } from "./probe-output.ts";

const starting: Health = { status: "starting", failingStreak: 0, log: [] };
const result = (exitCode: number) => ({ start: "", end: "", exitCode, output: "" });

function checkOf(healthcheck: object) {
  const check = planHealthCheck({ Healthcheck: { Test: ["CMD", "true"], ...healthcheck } });
  assert.ok(check);
  return check;
}

test("planHealthCheck: Docker's defaults, and none for no test, NONE and unknown kinds", () => {
  assert.deepEqual(checkOf({ Interval: 0 }), {
    args: ["true"],
    intervalMs: 30_000,
    timeoutMs: 30_000,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 5000,
  });
  for (const Test of [[], ["NONE"], ["BOGUS", "x"]])
    assert.equal(planHealthCheck({ Healthcheck: { Test } }), undefined);
  assert.equal(planHealthCheck({}), undefined);
});

test("planHealthCheck: a text is for the image's own shell", () => {
  const Healthcheck = { Test: ["CMD-SHELL", "exit 1"] };
  assert.deepEqual(planHealthCheck({ Healthcheck })?.args, ["/bin/sh", "-c", "exit 1"]);
  assert.deepEqual(planHealthCheck({ Healthcheck, Shell: ["/bash", "-ec"] })?.args, [
    "/bash",
    "-ec",
    "exit 1",
  ]);
});

test("healthAfter: so many failures in a row make it unhealthy, one success makes it healthy", () => {
  const check = checkOf({ Retries: 2 });
  const first = healthAfter(starting, result(1), check, 0);
  assert.deepEqual([first.status, first.failingStreak], ["starting", 1]);
  const second = healthAfter(first, result(-1), check, 0);
  assert.deepEqual([second.status, second.failingStreak], ["unhealthy", 2]);
  const well = healthAfter(second, result(0), check, 0);
  assert.deepEqual([well.status, well.failingStreak, well.log.length], ["healthy", 0, 3]);
  assert.equal(healthAfter(well, result(1), check, 0).status, "healthy");
});

test("healthAfter: five results are kept", () => {
  let health = starting;
  for (let code = 0; code < 9; code++) health = healthAfter(health, result(code), checkOf({}), 0);
  assert.deepEqual(
    health.log.map(({ exitCode }) => exitCode),
    [4, 5, 6, 7, 8],
  );
});

test("healthAfter: in the start period failures are told but do not count, until one success", () => {
  const check = checkOf({ StartPeriod: 5_000_000_000, Retries: 1 });
  const early = healthAfter(starting, result(1), check, 4999);
  assert.deepEqual([early.status, early.failingStreak, early.log.length], ["starting", 0, 1]);
  assert.equal(healthAfter(early, result(1), check, 5000).status, "unhealthy");
  const well = healthAfter(early, result(0), check, 100);
  assert.equal(healthAfter(well, result(1), check, 200).status, "unhealthy");
});

test("pauseBeforeProbe: the start interval while starting, the interval afterwards", () => {
  const check = checkOf({ StartPeriod: 5_000_000_000, StartInterval: 1_000_000 });
  assert.equal(pauseBeforeProbe(starting, check, 4999), 1);
  assert.equal(pauseBeforeProbe(starting, check, 5000), 30_000);
  assert.equal(pauseBeforeProbe({ ...starting, status: "healthy" }, check, 0), 30_000);
});

test("ProbeOutput: frames in any pieces, both streams in order, cut at 4 KiB", () => {
  const frame = (stream: number, text: string) => {
    const head = Buffer.alloc(8);
    head[0] = stream;
    head.writeUInt32BE(text.length, 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const bytes = Buffer.concat([frame(1, "out\n"), frame(2, "err\n"), frame(1, "x".repeat(5000))]);
  for (const size of [1, 3, 8, 11, 4096, bytes.length]) {
    const output = new ProbeOutput();
    for (let at = 0; at < bytes.length; at += size) output.write(bytes.subarray(at, at + size));
    assert.equal(output.text, `out\nerr\n${"x".repeat(4088)}...`);
  }
});
