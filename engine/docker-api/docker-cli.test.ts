import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openFakeEngine } from "./fake-engine.ts";

const cli = ["/usr/local/bin/docker", "/usr/bin/docker"].find((path) => existsSync(path));
const options = { skip: cli === undefined ? "no docker CLI" : false, timeout: 30_000 };

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function docker(socket: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", DOCKER_HOST: `unix://${socket}` };
    execFile(cli ?? "", args, { env, timeout: 10_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** The CLI with something on its stdin, which ends then. */
function dockerWithInput(socket: string, input: string, ...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", DOCKER_HOST: `unix://${socket}` };
    const child = spawn(cli ?? "", args, { env, timeout: 10_000 });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
    child.on("close", (code) => resolve({ code: code ?? -1, ...out }));
    child.stdin.end(input);
  });
}

test("docker version, info, ps and inspect read the answers", options, async () => {
  await using engine = await openFakeEngine();
  const version = await docker(
    engine.socket,
    "version",
    "--format",
    "{{.Client.APIVersion}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}}",
  );
  assert.match(version.stdout, /^1\.\d+ 1\.51 1\.24\n$/);
  const info = await docker(engine.socket, "info");
  assert.match(info.stdout, /Storage Driver: overlay2/);
  assert.match(info.stdout, /Swarm: inactive/);
  const created = await docker(
    engine.socket,
    "create",
    "--name",
    "one",
    "-p",
    "8080:80",
    "-e",
    "A=b",
    "-m",
    "64m",
    "bb",
    "sleep",
    "5",
  );
  assert.equal(created.code, 0, created.stderr);
  await docker(engine.socket, "start", "one");
  const ps = await docker(
    engine.socket,
    "ps",
    "--format",
    "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Status}}",
  );
  assert.match(ps.stdout, /^one\|bb\|"sleep 5"\|running\|Up (Less than a second|1 second)\n$/);
  assert.match(
    (await docker(engine.socket, "ps", "-a", "--filter", "name=one", "-q", "--no-trunc")).stdout,
    /^[0-9a-f]{64}\n$/,
  );
  const inspect = await docker(
    engine.socket,
    "inspect",
    "-f",
    "{{.HostConfig.Memory}} {{json .HostConfig.PortBindings}} {{.Config.Env}} {{.State.Running}}",
    "one",
  );
  assert.equal(inspect.stdout, '67108864 {"80/tcp":[{"HostIp":"","HostPort":"8080"}]} [A=b] true\n');
});

test("docker run: output, exit code, --rm, and stdin to its end", options, async () => {
  await using engine = await openFakeEngine();
  const echo = await docker(engine.socket, "run", "--rm", "bb", "echo", "hello", "there");
  assert.deepEqual(echo, { code: 0, stdout: "hello there\n", stderr: "" });
  assert.equal((await docker(engine.socket, "run", "bb", "warn", "oops")).stderr, "oops\n");
  assert.equal((await docker(engine.socket, "run", "--rm", "bb", "exit", "42")).code, 42);
  const cat = await dockerWithInput(engine.socket, "from stdin\n", "run", "--rm", "-i", "bb", "cat");
  assert.deepEqual(cat, { code: 0, stdout: "from stdin\n", stderr: "" });
  const large = "x".repeat(3_000_000);
  assert.equal(
    (await dockerWithInput(engine.socket, large, "run", "--rm", "-i", "bb", "cat")).stdout.length,
    large.length,
  );
  const unknown = await docker(engine.socket, "run", "--pull=never", "nope");
  assert.deepEqual([unknown.code, /No such image: nope:latest/.test(unknown.stderr)], [125, true]);
});

test("docker exec, attach, logs and wait", options, async () => {
  await using engine = await openFakeEngine();
  await docker(engine.socket, "run", "-d", "--name", "bg", "bb", "sleep");
  assert.equal((await docker(engine.socket, "exec", "bg", "echo", "in exec")).stdout, "in exec\n");
  assert.equal((await docker(engine.socket, "exec", "bg", "exit", "9")).code, 9);
  assert.equal((await dockerWithInput(engine.socket, "piped", "exec", "-i", "bg", "cat")).stdout, "piped");
  assert.equal((await docker(engine.socket, "exec", "-d", "bg", "echo", "x")).code, 0);
  const waiting = docker(engine.socket, "wait", "bg");
  assert.equal((await docker(engine.socket, "kill", "bg")).stdout, "bg\n");
  assert.match((await waiting).stdout, /^(137|0)\n$/);
  await docker(engine.socket, "run", "--name", "talk", "bb", "echo", "said");
  assert.equal((await docker(engine.socket, "logs", "talk")).stdout, "said\n");
  await docker(engine.socket, "run", "-di", "--name", "cat", "bb", "cat");
  const attached = await dockerWithInput(engine.socket, "typed", "attach", "cat");
  assert.equal(attached.stdout, "typed");
});

test("docker events replays, cp goes in and out, and errors come through", options, async () => {
  await using engine = await openFakeEngine();
  const folder = await mkdtemp(join(tmpdir(), "cli-"));
  await docker(engine.socket, "create", "--name", "box", "bb", "sleep");
  const events = await docker(
    engine.socket,
    "events",
    "--since",
    "1h",
    "--until",
    String(Math.floor(Date.now() / 1000) + 1), // the CLI sends whole seconds
    "--format",
    "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}",
  );
  assert.equal(events.stdout, "container create box\n");
  await writeFile(join(folder, "in.txt"), "copied");
  const into = await docker(engine.socket, "cp", join(folder, "in.txt"), "box:/tmp/");
  assert.equal(into.code, 0, into.stderr);
  const out = await docker(engine.socket, "cp", "box:/tmp/in.txt", join(folder, "out.txt"));
  assert.equal(out.code, 0, out.stderr);
  assert.equal(await readFile(join(folder, "out.txt"), "utf8"), "copied");
  assert.match((await docker(engine.socket, "rm", "nope")).stderr, /No such container: nope/);
  assert.match((await docker(engine.socket, "images")).stdout, /bb\s+latest/);
  assert.match((await docker(engine.socket, "network", "ls")).stdout, /bridge\s+bridge\s+local/);
  assert.equal((await docker(engine.socket, "volume", "create", "v1")).stdout, "v1\n");
  assert.match((await docker(engine.socket, "system", "df")).stdout, /Images\s+1/);
  assert.match((await docker(engine.socket, "node", "ls")).stderr, /This node is not a swarm manager/);
  await rm(folder, { recursive: true });
});
