import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;
const isThere = {
  crun: true,
  runc: existsSync("/usr/sbin/runc"),
  runsc: existsSync("/usr/bin/runsc"),
} as const;

before(async () => {
  engine = await EngineUnderTest.start("10.225.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sleep", "1000"] });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
});

for (const runtime of ["crun", "runc", "runsc"] as const) {
  const options = { skip: isThere[runtime] ? false : `${runtime} is not installed` };

  test(`${runtime}: output, exit code, network, and reasons of failures`, options, async () => {
    const run = (...words: string[]) => engine.docker("run", "--rm", "--runtime", runtime, ...words);
    const ran = await run("test", "sh", "-c", "echo out; echo err >&2; ip addr | grep -c 10.225; exit 7");
    assert.deepEqual([ran.code, ran.stdout, ran.stderr], [7, "out\n1\n", "err\n"]);
    const unknown = await run("test", "nosuch");
    assert.equal(unknown.code, 127, unknown.stderr);
    assert.match(unknown.stderr, /exec: "nosuch": executable file not found in \$PATH/);
    const absent = await run("test", "/no/such");
    assert.equal(absent.code, 127, absent.stderr);
    assert.equal((await run("test", "/etc")).code, 126);
    const readOnly = await run(
      "-v",
      "/tmp:/x:ro",
      "--read-only",
      "--tmpfs",
      "/t",
      "test",
      "sh",
      "-c",
      "touch /t/a && touch /x/gantry-no",
    );
    assert.equal(readOnly.code, 1);
    assert.match(readOnly.stderr, /[Rr]ead-only file system/);
  });

  test(`${runtime}: exec, top, pause, limits, a killed daemon, stop`, options, async () => {
    const docker = async (...words: string[]) => {
      const result = await engine.docker(...words);
      assert.equal(result.code, 0, `${words.join(" ")}: ${result.stderr}`);
      return result.stdout;
    };
    const script = 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done';
    await docker(
      "run",
      "-d",
      "--name",
      "box",
      "--runtime",
      runtime,
      "--pids-limit",
      "300",
      "-m",
      "200m",
      "test",
      "sh",
      "-c",
      script,
    );
    assert.equal(await docker("exec", "box", "echo", "in"), "in\n");
    assert.equal((await engine.docker("exec", "box", "sh", "-c", "exit 5")).code, 5);
    assert.equal((await engine.docker("exec", "box", "nosuch")).code, 127);
    assert.ok((await docker("top", "box")).split("\n").length >= 3);
    await docker("pause", "box");
    await docker("unpause", "box");
    await engine.stop("SIGKILL");
    await engine.up();
    assert.equal(await docker("exec", "box", "echo", "again"), "again\n");
    assert.match(await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", "box"), /200MiB/);
    assert.equal(await docker("logs", "box"), "ready\n");
    await docker("stop", "box");
    assert.equal(
      await docker("inspect", "-f", "{{.State.ExitCode}} {{.HostConfig.Runtime}}", "box"),
      `9 ${runtime}\n`,
    );
    await docker("start", "box");
    await docker("rm", "-f", "box");
  });
}

test("runc: behind the default seccomp filter, and rules for devices hold", {
  skip: !isThere.runc,
}, async () => {
  const { stdout } = await engine.docker(
    ..."run --rm --runtime runc test sh -c".split(" "),
    "grep ^Seccomp: /proc/self/status; mknod /m b 7 0; head -c 1 /m 2>&1 | grep -o 'not permitted'; mount -t tmpfs none /tmp 2>&1 | grep -o 'ermission denied'",
  );
  assert.equal(stdout, "Seccomp:\t2\nnot permitted\nermission denied\n");
});

test("runsc: the kernel that the container sees is not the host's, whose network it never gets", {
  skip: !isThere.runsc,
}, async () => {
  const { stdout } = await engine.docker("run", "--rm", "--runtime", "runsc", "test", "dmesg");
  assert.match(stdout, /gVisor/);
  const { code } = await engine.docker(
    "run",
    "--rm",
    "--runtime",
    "runsc",
    "--network",
    "host",
    "test",
    "true",
  );
  assert.notEqual(code, 0);
});

test("a runtime that nobody added is refused at create, and info lists those there are", async () => {
  const { code, stderr } = await engine.docker("create", "--runtime", "nope", "test");
  assert.equal(code, 1);
  assert.match(stderr, /unknown or invalid runtime name: nope/);
  const { json } = await engine.api("GET", "/info");
  const { Runtimes, DefaultRuntime } = json as { Runtimes: Record<string, unknown>; DefaultRuntime: string };
  assert.equal(DefaultRuntime, "crun");
  assert.deepEqual(Runtimes["crun"], { path: "/usr/bin/crun" });
});
