import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startTimeOf } from "#host/process-end.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// What users lose sleep over: pieces that are killed, and a host that goes down.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.217.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

interface State {
  readonly Status: string;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly StartedAt: string;
}

async function stateOf(name: string): Promise<State> {
  return ((await engine.api("GET", `/containers/${name}/json`)).json as { State: State }).State;
}

/** Pids of the shims of this engine's containers. */
function shimOf(id: string): number {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const line = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      if (line.startsWith("gantry-shim\0shim") && line.includes(id)) return Number(entry);
    } catch {
      // ended meanwhile
    }
  }
  throw new Error(`no shim of ${id}`);
}

async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 500 && startTimeOf(pid) !== undefined; i++) await delay(10);
  return startTimeOf(pid) === undefined;
}

test("the daemon killed: containers run on, their output and exit codes are there afterwards", async () => {
  await engine.docker("run", "-d", "--name", "keeps", "test", "sleep", "1000");
  await engine.docker(
    "run",
    "-d",
    "--name",
    "ends",
    "test",
    "sh",
    "-c",
    "read line < /tmp/go || usleep 300000; echo late; exit 5",
  );
  const before = await stateOf("keeps");
  await engine.stop("SIGKILL");
  await delay(500); // the second one ends while nobody looks
  await engine.up();
  assert.deepEqual(await stateOf("keeps"), before);
  const ended = await stateOf("ends");
  assert.deepEqual([ended.Status, ended.ExitCode], ["exited", 5]);
  assert.equal((await engine.docker("logs", "ends")).stdout, "late\n");
  assert.equal((await engine.docker("exec", "keeps", "echo", "still")).stdout, "still\n");
  await engine.docker("rm", "-f", "keeps", "ends");
});

test("the shim killed: the container is ended and says so", async () => {
  const { stdout } = await engine.docker("run", "-d", "--name", "orphan", "test", "sleep", "1000");
  const { Pid } = await stateOf("orphan");
  const waiting = engine.docker("wait", "orphan");
  process.kill(shimOf(stdout.trim()), "SIGKILL");
  assert.equal((await waiting).stdout, "137\n");
  assert.ok(await isGone(Pid), "its process must not go on");
  assert.equal((await engine.docker("start", "orphan")).code, 0);
  await engine.docker("rm", "-f", "orphan");
});

test("daemon and shim killed: the next daemon ends what is left of the container", async () => {
  const { stdout } = await engine.docker("run", "-d", "--name", "lost", "test", "sleep", "1000");
  const { Pid } = await stateOf("lost");
  await engine.stop("SIGKILL");
  process.kill(shimOf(stdout.trim()), "SIGKILL");
  await engine.up();
  const state = await stateOf("lost");
  assert.deepEqual([state.Status, state.ExitCode], ["exited", 255]);
  assert.ok(await isGone(Pid));
  await engine.docker("rm", "lost");
});

test("the host rebooted: records stay, restart policies apply, nothing claims to run", async () => {
  await engine.docker("run", "-d", "--name", "plain", "test", "sleep", "1000");
  await engine.docker("run", "-d", "--name", "always", "--restart", "always", "test", "sleep", "1000");
  const pids = await Promise.all(["plain", "always"].map(async (name) => (await stateOf(name)).Pid));
  const shims = await Promise.all(
    ["plain", "always"].map(async (name) =>
      shimOf(((await engine.api("GET", `/containers/${name}/json`)).json as { Id: string }).Id),
    ),
  );
  await engine.stop("SIGKILL");
  for (const pid of [...shims, ...pids]) process.kill(pid, "SIGKILL");
  for (const pid of [...shims, ...pids]) await isGone(pid);
  rmSync(engine.run, { recursive: true }); // a tmpfs is empty after a boot
  await engine.up();
  assert.equal((await stateOf("plain")).Status, "exited");
  while ((await stateOf("always")).Status !== "running") await delay(10);
  assert.equal((await engine.docker("start", "plain")).code, 0);
  await engine.docker("rm", "-f", "plain", "always");
});

test("the spawner killed: the next start gets another one", async () => {
  const spawner = Number(
    readFileSync(join(`/proc/${engine.pid}/task/${engine.pid}/children`), "utf8")
      .trim()
      .split(" ")
      .find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("gantry-spawner")),
  );
  process.kill(spawner, "SIGKILL");
  await isGone(spawner);
  for (let i = 0; i < 3; i++)
    assert.equal((await engine.docker("run", "--rm", "test", "echo", "fine")).stdout, "fine\n");
});
