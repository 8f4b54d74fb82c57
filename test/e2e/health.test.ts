import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { untilEvent } from "../support/events.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.221.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sleep", "1000"] });
  await loadBusybox(engine, "checked:latest", {
    Cmd: ["sleep", "1000"],
    Healthcheck: { Test: ["CMD-SHELL", "exit 3"], Interval: 50_000_000, Retries: 2 },
  });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
});

interface Seen {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: readonly { readonly ExitCode: number; readonly Output: string }[];
}

async function run(name: string, healthcheck: object, image = "test"): Promise<void> {
  const body = { Image: image, Healthcheck: { Interval: 50_000_000, ...healthcheck } };
  const created = await engine.api("POST", `/containers/create?name=${name}`, body);
  assert.equal(created.status, 201, created.body);
  assert.equal((await engine.api("POST", `/containers/${name}/start`)).status, 204);
}

async function healthOf(name: string): Promise<Seen | undefined> {
  const { json } = await engine.api("GET", `/containers/${name}/json`);
  return (json as { State: { Health?: Seen } }).State.Health;
}

async function statusOf(name: string): Promise<string> {
  const { stdout } = await engine.docker("ps", "-a", "--format", "{{.Status}}", "--filter", `name=${name}`);
  return stdout.replace(/Up .*? \(/, "Up (").trim();
}

/** Command lines of everything that runs on the machine. */
function commandLines(): readonly string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      return /^\d+$/.test(pid)
        ? [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()]
        : [];
    } catch {
      return []; // it has ended
    }
  });
}

test("from starting to unhealthy to healthy, with what the probes printed, and what lists and filters say", async () => {
  await run("turns", { Test: ["CMD-SHELL", "echo looking; test -f /fine"], Retries: 2 });
  await untilEvent(engine, "turns", "health_status: unhealthy");
  assert.equal(await statusOf("turns"), "Up (unhealthy)");
  const sick = await healthOf("turns");
  assert.ok((sick?.FailingStreak ?? 0) >= 2);
  assert.deepEqual([sick?.Log[0]?.ExitCode, sick?.Log[0]?.Output], [1, "looking\n"]);
  await engine.docker("exec", "turns", "touch", "/fine");
  await untilEvent(engine, "turns", "health_status: healthy");
  assert.equal(await statusOf("turns"), "Up (healthy)");
  await untilEvent(engine, "turns", "exec_die", 8);
  const well = await healthOf("turns");
  assert.deepEqual([well?.Status, well?.FailingStreak, well?.Log.length], ["healthy", 0, 5]);
  for (const [health, expected] of [
    ["healthy", "turns\n"],
    ["unhealthy", ""],
  ] as const) {
    const { stdout } = await engine.docker("ps", "--format", "{{.Names}}", "--filter", `health=${health}`);
    assert.equal(stdout, expected);
  }
  await engine.docker("rm", "-f", "turns");
});

test("a pause and an end stop the probes and leave it unhealthy; it goes on after both", async () => {
  await run("paused", { Test: ["CMD", "true"] });
  await untilEvent(engine, "paused", "health_status: healthy");
  await engine.docker("pause", "paused");
  assert.equal((await healthOf("paused"))?.Status, "unhealthy");
  await engine.docker("unpause", "paused");
  await untilEvent(engine, "paused", "health_status: healthy", 2);
  await engine.docker("stop", "-t", "0", "paused");
  assert.equal((await healthOf("paused"))?.Status, "unhealthy");
  await engine.docker("start", "paused");
  await untilEvent(engine, "paused", "health_status: healthy", 3);
  await engine.docker("rm", "-f", "paused");
});

test("a probe that takes too long is killed, and its output is kept", async () => {
  const text = "sleep 987654";
  await run("slow", { Test: ["CMD-SHELL", `echo begun; exec ${text}`], Timeout: 300_000_000, Retries: 1 });
  await untilEvent(engine, "slow", "health_status: unhealthy");
  const [first] = (await healthOf("slow"))?.Log ?? [];
  assert.deepEqual([first?.ExitCode, first?.Output], [-1, "Health check exceeded timeout (300ms): begun\n"]);
  await untilEvent(engine, "slow", "exec_die", 2);
  await engine.docker("rm", "-f", "slow");
  assert.deepEqual(
    commandLines().filter((line) => line === text),
    [],
  );
});

test("output is cut at 4 KiB, however much there is", async () => {
  await run("loud", { Test: ["CMD-SHELL", "yes | head -c 3000000; exit 1"], Retries: 1 });
  await untilEvent(engine, "loud", "health_status: unhealthy");
  const output = (await healthOf("loud"))?.Log[0]?.Output ?? "";
  assert.deepEqual([output.length, output.endsWith("y\n...")], [4099, true]);
  await engine.docker("rm", "-f", "loud");
});

test("a probe that cannot be run says why; one without a command too", async () => {
  await run("absent", { Test: ["CMD", "/absent"], Retries: 1 });
  await untilEvent(engine, "absent", "health_status: unhealthy");
  const [first] = (await healthOf("absent"))?.Log ?? [];
  assert.equal(first?.ExitCode, -1);
  assert.match(first?.Output ?? "", /^OCI runtime exec failed: .*"\/absent": .*no such file or directory$/);
  await run("empty", { Test: ["CMD"], Retries: 1 });
  await untilEvent(engine, "empty", "health_status: unhealthy");
  assert.equal((await healthOf("empty"))?.Log[0]?.Output, "No exec command specified");
  await engine.docker("rm", "-f", "absent", "empty");
});

test("failures in the start period do not count, and are looked for at its own interval", async () => {
  await run("begins", {
    Test: ["CMD", "false"],
    StartPeriod: 3_600_000_000_000,
    StartInterval: 20_000_000,
    Interval: 3_600_000_000_000,
    Retries: 1,
  });
  await untilEvent(engine, "begins", "exec_die", 4);
  const health = await healthOf("begins");
  assert.deepEqual([health?.Status, health?.FailingStreak], ["starting", 0]);
  assert.equal(await statusOf("begins"), "Up (health: starting)");
  await engine.docker("rm", "-f", "begins");
});

test("the image's check is used, changed in parts, and switched off", async () => {
  await engine.docker("run", "-d", "--name", "inherits", "--health-retries", "1", "checked");
  const { stdout } = await engine.docker("inspect", "-f", "{{json .Config.Healthcheck}}", "inherits");
  assert.deepEqual(JSON.parse(stdout), { Test: ["CMD-SHELL", "exit 3"], Interval: 50_000_000, Retries: 1 });
  await untilEvent(engine, "inherits", "health_status: unhealthy");
  await engine.docker("run", "-d", "--name", "without", "--no-healthcheck", "checked");
  assert.equal(await healthOf("without"), undefined);
  const { stdout: names } = await engine.docker("ps", "--format", "{{.Names}}", "--filter", "health=none");
  assert.equal(names, "without\n");
  await engine.docker("rm", "-f", "inherits", "without");
});

test("a daemon that is killed ends its probes, and the next one goes on", async () => {
  const text = "sleep 876543";
  await run("survivor", { Test: ["CMD-SHELL", `rm /slow && exec ${text}; true`] });
  await untilEvent(engine, "survivor", "health_status: healthy");
  await engine.docker("exec", "survivor", "touch", "/slow");
  while (!commandLines().includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
  await engine.stop("SIGKILL");
  await engine.up();
  assert.equal((await healthOf("survivor"))?.Status, "healthy");
  assert.deepEqual(
    commandLines().filter((line) => line === text),
    [],
    "the probe of the dead daemon has ended",
  );
  await untilEvent(engine, "survivor", "exec_die", 3);
  await engine.docker("rm", "-f", "survivor");
});
