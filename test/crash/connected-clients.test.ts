import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.223.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

/** The docker CLI, running. */
function client(...args: string[]): ChildProcess {
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: "/nonexistent" };
  return spawn("docker", args, { env, stdio: ["pipe", "pipe", "pipe"] });
}

/** Counts once a line, tells so, and ends when told to. */
const counter = `n=0; trap 'echo bye; exit 3' TERM; while :; do n=$((n+1)); echo line $n; usleep 20000; done`;

async function pidOf(name: string): Promise<number> {
  return ((await engine.api("GET", `/containers/${name}/json`)).json as { State: { Pid: number } }).State.Pid;
}

for (const signal of ["SIGKILL", "SIGTERM"] as const)
  test(`the daemon ended by ${signal} under connected clients: they end, containers and their output go on`, async () => {
    await engine.docker("run", "-d", "--name", "counts", "test", "sh", "-c", counter);
    await engine.docker("run", "-d", "-i", "--name", "echoes", "test", "cat");
    const pid = await pidOf("counts");
    const clients = [
      client("logs", "-f", "counts"),
      client("attach", "--sig-proxy=false", "counts"),
      client("attach", "--sig-proxy=false", "echoes"),
      client("exec", "-i", "counts", "cat"),
      client("wait", "counts"),
      client("events"),
    ];
    const ended = clients.map((process) => once(process, "exit"));
    await Promise.all(clients.slice(0, 2).map(({ stdout }) => once(stdout as NodeJS.EventEmitter, "data")));
    clients[2]?.stdin?.write("before\n");
    await once(clients[2]?.stdout as NodeJS.EventEmitter, "data");

    await engine.stop(signal);
    for (const { stdin } of clients) stdin?.end(); // an attached client of docker's ends when its input does
    const codes = (await Promise.all(ended)).map(([code]) => code as number);
    assert.notEqual(codes[4], 0, "wait must not claim an exit code");
    await engine.up();

    assert.equal(await pidOf("counts"), pid);
    assert.equal((await engine.docker("exec", "counts", "echo", "alive")).stdout, "alive\n");
    await engine.docker("stop", "counts");
    assert.equal((await engine.docker("wait", "counts")).stdout, "3\n");
    const lines = (await engine.docker("logs", "counts")).stdout.trim().split("\n");
    assert.equal(lines.pop(), "bye");
    assert.deepEqual(
      lines,
      lines.map((_, index) => `line ${index + 1}`),
      "no line is lost or twice",
    );
    const again = client("attach", "echoes");
    again.stdin?.write("after\n");
    const [output] = (await once(again.stdout as NodeJS.EventEmitter, "data")) as [Buffer];
    assert.equal(output.toString(), "after\n");
    const left = once(again, "exit");
    again.kill("SIGKILL");
    await left;
    await engine.docker("rm", "-f", "counts", "echoes");
  });
