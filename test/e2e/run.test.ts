import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// The real docker CLI against a real engine: what people type first, with the outputs and exit codes that they expect.

let engine: EngineUnderTest;
const docker = (...args: string[]) => engine.docker(...args);

before(async () => {
  engine = await EngineUnderTest.start("10.215.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Feeds stdin to a docker command. */
function dockerWith(
  input: string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { promise, resolve } = Promise.withResolvers<{
    code: number | null;
    stdout: string;
    stderr: string;
  }>();
  const child = spawn("docker", ["-H", `unix://${engine.socket}`, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
  });
  child.stderr.on("data", (bytes) => {
    stderr += bytes;
  });
  child.on("close", (code) => resolve({ code, stdout, stderr }));
  child.stdin.end(input);
  return promise;
}

test("run: output and exit code are the program's", async () => {
  assert.deepEqual(await docker("run", "--rm", "test", "sh", "-c", "echo out; echo err >&2; exit 7"), {
    code: 7,
    stdout: "out\n",
    stderr: "err\n",
  });
});

test("run: a program that is not there gives 127, one that cannot be executed 126, a wrong flag 125", async () => {
  const missing = await docker("run", "--rm", "test", "nosuch");
  assert.equal(missing.code, 127);
  assert.match(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  assert.equal((await docker("run", "--rm", "test", "/etc/passwd")).code, 126);
  assert.equal((await docker("run", "--rm", "test", "/nosuch")).code, 127);
  assert.equal((await docker("run", "--memory", "1", "test", "true")).code, 125);
  assert.equal((await docker("run", "--rm", "nosuchimage", "true")).code, 125);
});

test("run -i: stdin arrives whole and its end is passed on", async () => {
  const input = "line\n".repeat(50_000);
  const { code, stdout } = await dockerWith(input, "run", "-i", "--rm", "test", "wc", "-c");
  assert.equal(code, 0);
  assert.equal(stdout.trim(), String(input.length));
});

test("run -i cat: what goes in comes out", async () => {
  const input = Array.from({ length: 20_000 }, (_, i) => `row ${i}`).join("\n");
  const { stdout } = await dockerWith(input, "run", "-i", "--rm", "test", "cat");
  assert.equal(stdout, input);
});

test("run --rm: leaves no container", async () => {
  await docker("run", "--rm", "--name", "gone", "test", "true");
  assert.equal((await docker("inspect", "gone")).code, 1);
});

test("run -d, ps, logs, stop, rm: the life of a service", async () => {
  const { stdout: id } = await docker(
    "run",
    "-d",
    "--name",
    "web",
    "test",
    "sh",
    "-c",
    'trap "exit 3" TERM; echo up; sleep 1000 & wait',
  );
  assert.match(id, /^[0-9a-f]{64}\n$/);
  const ps = await docker("ps", "--format", "{{.Names}} {{.Image}} {{.State}} {{.Status}}");
  assert.match(ps.stdout, /^web test running Up (Less than a second|\d+ seconds?|About a minute)\n$/);
  while ((await docker("logs", "web")).stdout !== "up\n") await delay(10);
  assert.deepEqual(await docker("stop", "web"), { code: 0, stdout: "web\n", stderr: "" });
  assert.equal(
    (await docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "web")).stdout,
    "exited 3\n",
  );
  assert.match((await docker("ps", "-a", "--format", "{{.Status}}")).stdout, /^Exited \(3\) /);
  assert.deepEqual(await docker("rm", "web"), { code: 0, stdout: "web\n", stderr: "" });
});

test("rm: a running container is refused without -f", async () => {
  await docker("run", "-d", "--name", "busy", "test", "sleep", "1000");
  const refused = await docker("rm", "busy");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /container is running: stop the container before removing or force remove/);
  assert.equal((await docker("rm", "-f", "busy")).code, 0);
});

test("exec: output, exit code, user, directory and environment", async () => {
  await docker("run", "-d", "--name", "host", "-e", "FROM=run", "test", "sleep", "1000");
  assert.deepEqual(await docker("exec", "host", "sh", "-c", "echo $FROM; exit 9"), {
    code: 9,
    stdout: "run\n",
    stderr: "",
  });
  const other = await docker(
    "exec",
    "-u",
    "65534",
    "-w",
    "/tmp",
    "-e",
    "X=1",
    "host",
    "sh",
    "-c",
    "id -u; pwd; echo $X",
  );
  assert.equal(other.stdout, "65534\n/tmp\n1\n");
  const missing = await docker("exec", "host", "nosuch");
  assert.equal(missing.code, 127);
  assert.match(missing.stdout + missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  assert.equal((await dockerWith("abc", "exec", "-i", "host", "cat")).stdout, "abc");
  assert.equal((await docker("exec", "-d", "host", "sh", "-c", "touch /tmp/made")).code, 0);
  while ((await docker("exec", "host", "ls", "/tmp")).stdout !== "made\n") await delay(10);
  await docker("rm", "-f", "host");
});

test("kill, wait: the exit code of a killed container", async () => {
  await docker("run", "-d", "--name", "victim", "test", "sleep", "1000");
  const waiting = docker("wait", "victim");
  assert.equal((await docker("kill", "victim")).code, 0);
  assert.equal((await waiting).stdout, "137\n");
  const again = await docker("kill", "victim");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is not running/);
  await docker("rm", "victim");
});

test("pause, unpause: a paused container does nothing", async () => {
  await docker(
    "run",
    "-d",
    "--name",
    "clock",
    "test",
    "sh",
    "-c",
    "while :; do date +%s%N > /tmp/now; usleep 10000; done",
  );
  assert.equal((await docker("pause", "clock")).code, 0);
  assert.match((await docker("ps", "--format", "{{.Status}}")).stdout, /\(Paused\)/);
  assert.equal((await docker("exec", "clock", "true")).code, 1);
  assert.deepEqual(await docker("unpause", "clock"), { code: 0, stdout: "clock\n", stderr: "" });
  assert.deepEqual(await docker("exec", "clock", "true"), { code: 0, stdout: "", stderr: "" });
  await docker("rm", "-f", "clock");
});

test("restart, rename: the container keeps its ID and changes its pid and name", async () => {
  await docker("run", "-d", "--name", "old", "test", "sleep", "1000");
  const pid = await docker("inspect", "-f", "{{.State.Pid}}", "old");
  assert.equal((await docker("restart", "-t", "0", "old")).code, 0);
  assert.notEqual((await docker("inspect", "-f", "{{.State.Pid}}", "old")).stdout, pid.stdout);
  assert.equal((await docker("rename", "old", "new")).code, 0);
  assert.equal((await docker("inspect", "-f", "{{.Name}}", "new")).stdout, "/new\n");
  await docker("rm", "-f", "new");
});

test("--init: signals reach the program and its status is the container's", async () => {
  const { code, stdout } = await docker(
    "run",
    "--rm",
    "--init",
    "test",
    "sh",
    "-c",
    "cat /proc/1/comm; exit 5",
  );
  assert.deepEqual([code, stdout], [5, "docker-init\n"]);
});

test("memory: a container that runs out of it is reported as such", async () => {
  const { code, stderr } = await docker(
    "run",
    "--name",
    "greedy",
    "-m",
    "16m",
    "test",
    "sh",
    "-c",
    "x=a; while :; do x=$x$x; done",
  );
  assert.deepEqual([code, stderr], [137, ""]);
  assert.equal((await docker("inspect", "-f", "{{.State.OOMKilled}}", "greedy")).stdout, "true\n");
  await docker("rm", "greedy");
});

test("logs: --tail, --timestamps, --since and the two streams", async () => {
  await docker(
    "run",
    "--name",
    "talker",
    "test",
    "sh",
    "-c",
    "for i in 1 2 3 4 5; do echo line $i; done; echo bad >&2",
  );
  assert.deepEqual(await docker("logs", "talker"), {
    code: 0,
    stdout: "line 1\nline 2\nline 3\nline 4\nline 5\n",
    stderr: "bad\n",
  });
  assert.equal((await docker("logs", "--tail", "2", "talker")).stdout, "line 5\n");
  assert.match(
    (await docker("logs", "-t", "--tail", "2", "talker")).stdout,
    /^\d{4}-\d\d-\d\dT[\d:.]{18}Z line 5\n$/,
  );
  assert.equal((await docker("logs", "--since", "1h", "talker")).stdout.split("\n").length, 6);
  assert.equal((await docker("logs", "--until", "1h", "talker")).stdout, "");
  await docker("rm", "talker");
});

test("logs -f: follows until the container ends", async () => {
  await docker(
    "run",
    "-d",
    "--name",
    "slow",
    "test",
    "sh",
    "-c",
    "for i in 1 2 3; do echo $i; usleep 100000; done",
  );
  assert.equal((await docker("logs", "-f", "slow")).stdout, "1\n2\n3\n");
  await docker("rm", "-f", "slow");
});

test("log rotation: max-size and max-file hold, and logs reads over the files", async () => {
  const run = await docker(
    "run",
    "--name",
    "chatty",
    "--log-opt",
    "max-size=10k",
    "--log-opt",
    "max-file=3",
    "test",
    "sh",
    "-c",
    "i=0; while [ $i -lt 1000 ]; do echo number $i; i=$((i+1)); done",
  );
  assert.deepEqual([run.code, run.stderr], [0, ""]);
  const lines = (await docker("logs", "chatty")).stdout.trimEnd().split("\n");
  assert.equal(lines.at(-1), "number 999");
  const first = Number(lines[0]?.split(" ")[1]);
  assert.ok(first > 0 && first < 900, `first kept line is ${first}`);
  assert.deepEqual(
    lines,
    Array.from({ length: 1000 - first }, (_, i) => `number ${first + i}`),
  );
  await docker("rm", "chatty");
});

test("events: create, start, die and destroy of a run, in order", async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await docker("run", "--rm", "--name", "eventful", "--network", "none", "test", "true");
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const { stdout } = await docker(
    "events",
    "--since",
    since,
    "--until",
    until,
    "--filter",
    "container=eventful",
    "--format",
    "{{.Action}}",
  );
  const kept = stdout
    .trim()
    .split("\n")
    .filter((action) => ["create", "attach", "start", "die", "destroy"].includes(action));
  assert.deepEqual(kept, ["create", "attach", "start", "die", "destroy"]);
});

test("a published port: the page is served on the host", async () => {
  await docker(
    "run",
    "-d",
    "--name",
    "site",
    "-p",
    "127.0.0.1:18931:80",
    "test",
    "sh",
    "-c",
    "mkdir /www; echo hello > /www/index.html; httpd -f -p 80 -h /www",
  );
  const page = async (): Promise<string> => {
    try {
      return await (await fetch("http://127.0.0.1:18931/")).text();
    } catch {
      await delay(10);
      return page();
    }
  };
  assert.equal(await page(), "hello\n");
  assert.equal((await docker("port", "site")).stdout, "80/tcp -> 127.0.0.1:18931\n");
  const taken = await docker("run", "--rm", "-p", "127.0.0.1:18931:80", "test", "true");
  assert.equal(taken.code, 125);
  assert.match(taken.stderr, /port is already allocated/);
  await docker("rm", "-f", "site");
});

test("cp: files go in and out of running and stopped containers", async () => {
  await docker("run", "-d", "--name", "box", "test", "sleep", "1000");
  assert.equal((await docker("cp", "/etc/hostname", "box:/tmp/copied")).code, 0);
  assert.equal((await docker("exec", "box", "cat", "/tmp/copied")).code, 0);
  await docker("kill", "box");
  assert.equal((await docker("cp", "box:/tmp/copied", "-")).code, 0);
  assert.match(
    (await docker("cp", "box:/nosuch", "-")).stderr,
    /Could not find the file \/nosuch in container/,
  );
  await docker("rm", "box");
});

test("names and prefixes: conflicts and unknown ones have Docker's texts", async () => {
  const { stdout } = await docker("create", "--name", "taken", "test");
  const id = stdout.trim();
  const conflict = await docker("create", "--name", "taken", "test");
  assert.match(
    conflict.stderr,
    new RegExp(`Conflict\\. The container name "/taken" is already in use by container "${id}"`),
  );
  assert.equal((await docker("inspect", "-f", "{{.Id}}", id.slice(0, 6))).stdout, stdout);
  assert.match((await docker("start", "nosuch")).stderr, /No such container: nosuch/);
  await docker("rm", "taken");
});
