import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { untilEvent } from "../support/events.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.226.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sleep", "1000"] });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Ends every supervisor of this engine with its container, as a power cut does. */
function cutPower(): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    if (commandOf(pid).startsWith("gantry-shim\0shim") && commandOf(pid).includes(engine.run)) {
      process.kill(Number(pid), "SIGSTOP"); // it must not see the end of its container
      for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" "))
        if (child !== "") process.kill(Number(child), "SIGKILL");
      process.kill(Number(pid), "SIGKILL");
    }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended
  }
}

async function statusOf(name: string): Promise<string> {
  const { json } = await engine.api("GET", `/containers/${name}/json`);
  return (json as { State: { Status: string } }).State.Status;
}

const policies = {
  never: "no",
  always: "always",
  halted: "always",
  unless: "unless-stopped",
  quiet: "unless-stopped",
  failing: "on-failure:3",
} as const;

async function runAll(): Promise<void> {
  for (const [name, policy] of Object.entries(policies))
    await engine.docker("run", "-d", "--name", name, "--restart", policy, "test");
  await engine.docker("stop", "-t", "0", "halted", "quiet");
}

async function statuses(): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(policies);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await statusOf(name)] as const)),
  );
}

test("a killed daemon leaves what runs alone, and its next one starts what was to be running", async () => {
  await runAll();
  await engine.stop("SIGKILL");
  await engine.up();
  await untilEvent(engine, "halted", "start");
  assert.deepEqual(await statuses(), {
    never: "running",
    always: "running",
    halted: "running",
    unless: "running",
    quiet: "exited",
    failing: "running",
  });
  await engine.docker("stop", "-t", "0", "halted");
});

test("after a power cut everything starts that its policy says, and the rest says that nobody saw its end", async () => {
  await engine.stop("SIGKILL");
  cutPower();
  await engine.up();
  for (const name of ["always", "halted", "unless", "failing"]) await untilEvent(engine, name, "start");
  assert.deepEqual(await statuses(), {
    never: "exited",
    always: "running",
    halted: "running",
    unless: "running",
    quiet: "exited",
    failing: "running",
  });
  const { stdout } = await engine.docker("inspect", "-f", "{{.State.ExitCode}}", "never");
  assert.equal(stdout, "255\n");
  await engine.docker("rm", "-f", ...Object.keys(policies));
});

test("on-failure gives up after as many restarts as it may, counted across a daemon that is killed", async () => {
  await engine.docker(
    "run",
    "-d",
    "--name",
    "tries",
    "--restart",
    "on-failure:2",
    "test",
    "sh",
    "-c",
    "sleep 0.3; exit 3",
  );
  await untilEvent(engine, "tries", "die");
  await engine.stop("SIGKILL");
  await engine.up();
  const { stdout } = await engine.docker("wait", "tries");
  assert.equal(stdout, "3\n");
  const { json } = await engine.api("GET", "/containers/tries/json");
  const { RestartCount, State } = json as {
    RestartCount: number;
    State: { Status: string; Restarting: boolean };
  };
  assert.ok(RestartCount <= 2, String(RestartCount));
  assert.ok(["exited", "restarting", "running"].includes(State.Status));
  await engine.docker("rm", "-f", "tries");
});

test("a stop and a forced removal mean it, at whatever moment of the restarts they come", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `loop${index}`);
  await Promise.all(
    names.map(async (name, index) => {
      const run = ["run", "-d", "--name", name, "--restart", "always", "test", "sh", "-c"];
      await engine.docker(...run, "sleep 0.05; exit 1");
      await untilEvent(engine, name, "die");
      await delay(index * 25); // the first restart comes after 100 ms and takes some 20
      const words = index % 2 === 0 ? ["stop", "-t", "0", name] : ["rm", "-f", name];
      const { code, stderr } = await engine.docker(...words);
      assert.equal(code, 0, stderr);
    }),
  );
  const { stdout } = await engine.docker(
    "ps",
    "-a",
    "--format",
    "{{.Names}} {{.State}}",
    "--filter",
    "name=loop",
  );
  const stopped = names.filter((_, index) => index % 2 === 0).map((name) => `${name} exited`);
  assert.deepEqual(stdout.trim().split("\n").toSorted(), stopped);
});
