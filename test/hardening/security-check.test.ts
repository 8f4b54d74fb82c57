import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const run = promisify(execFile);

interface Report {
  readonly pass: number;
  readonly warn: number;
  readonly checks: readonly {
    readonly id: string;
    readonly result: string;
    readonly details: readonly string[];
  }[];
}

async function check({ root, run: runFolder }: EngineUnderTest): Promise<Report> {
  const where = ["--root", root, "--run", runFolder];
  const { stdout } = await run(join(checkout, "bin/gantry"), ["security", "check", "--json", ...where]);
  return JSON.parse(stdout) as Report;
}

const warningsOf = ({ checks }: Report) =>
  checks.filter(({ result }) => result === "warn").map(({ id }) => id);

test("security check: an engine with a plain container passes at least 50 checks, a hardened one has more", async () => {
  await using plain = await EngineUnderTest.start("10.238.0.1/16");
  await using hardened = await EngineUnderTest.start("10.239.0.1/16", undefined, ["--hardened"]);
  for (const engine of [plain, hardened]) {
    await loadBusybox(engine);
    await engine.docker("run", "-d", "--name", "one", "test", "sleep", "1000");
  }
  const [usual, strict] = [await check(plain), await check(hardened)];
  assert.ok(usual.pass >= 50, `${usual.pass} pass`);
  for (const id of ["2.2", "2.9", "2.14", "5.26", "5.29"]) {
    assert.ok(warningsOf(usual).includes(id), id);
    assert.ok(!warningsOf(strict).includes(id), id);
  }
});

test("security check: whatever is laxer than it should be is told, with its name", async () => {
  await using engine = await EngineUnderTest.start("10.240.0.1/16", undefined, [
    "-H",
    "tcp://127.0.0.1:23766",
    "--insecure-tcp",
  ]);
  await loadBusybox(engine);
  const before = warningsOf(await check(engine));
  assert.ok(before.includes("2.7"));
  const lax = [
    ["--privileged", "--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"],
    [
      "--security-opt",
      "seccomp=unconfined",
      "--security-opt",
      "systempaths=unconfined",
      "--cap-add",
      "SYS_ADMIN",
    ],
    ["--security-opt", "apparmor=unconfined", "--device", "/dev/null", "--device-cgroup-rule", "c 1:3 r"],
    [
      "-v",
      `${engine.socket}:/var/run/docker.sock`,
      "-v",
      "/etc:/host",
      "-p",
      "127.0.0.1:999:80",
      "-p",
      "8999:80",
    ],
    ["--restart", "always", "--log-driver", "none", "-e", "API_TOKEN=x", "--oom-score-adj", "-600"],
  ];
  for (const [index, options] of lax.entries()) {
    const { code, stderr } = await engine.docker(
      "run",
      "-d",
      "--name",
      `lax${index}`,
      ...options,
      "test",
      "sleep",
      "1000",
    );
    assert.equal(code, 0, stderr);
  }
  chmodSync(engine.root, 0o755);
  chmodSync(engine.socket, 0o666);
  const report = await check(engine);
  const expected =
    "3.1 3.3 4.10a 5.2 5.4 5.5 5.6 5.8 5.10 5.14 5.15 5.16 5.17 5.18 5.18a 5.21 5.22 5.22a 5.32 5.34 5.35 5.40 5.41 5.44 5.45 5.46 5.47";
  for (const id of expected.split(" ")) {
    assert.ok(!before.includes(id), `${id} before`);
    assert.ok(warningsOf(report).includes(id), id);
  }
  chmodSync(engine.root, 0o700);
});
