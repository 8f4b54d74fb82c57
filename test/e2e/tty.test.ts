import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Terminals: the docker CLI runs under script(1), which gives it a real one.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.216.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

interface Step {
  /** Text to wait for before the keys are pressed. */
  readonly sees: string;
  readonly keys: string;
}

/** Runs docker on a terminal, presses keys when it shows what is expected, and resolves with all it showed and its exit code. */
function onTerminal(
  command: string,
  steps: readonly Step[],
): Promise<{ readonly screen: string; readonly code: number | null }> {
  const { promise, resolve } = Promise.withResolvers<{ screen: string; code: number | null }>();
  const child = spawn(
    "script",
    ["-qec", `stty rows 30 cols 100; exec docker -H unix://${engine.socket} ${command}`, "/dev/null"],
    {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, TERM: "xterm" },
    },
  );
  let screen = "";
  let seen = 0;
  const rest = [...steps];
  child.stdout.on("data", (bytes: Buffer) => {
    screen += bytes.toString();
    for (let step = rest[0]; step !== undefined && screen.indexOf(step.sees, seen) >= 0; step = rest[0]) {
      seen = screen.indexOf(step.sees, seen) + step.sees.length;
      child.stdin.write(step.keys);
      rest.shift();
    }
  });
  child.on("close", (code) => resolve({ screen, code }));
  return promise;
}

test("run -it: a shell on a terminal takes keys and gives its exit code", async () => {
  const { screen, code } = await onTerminal("run -it --rm test sh", [
    { sees: "/ # ", keys: "test -t 0 && echo is-$((40+2))-tty\n" },
    { sees: "is-42-tty", keys: "exit 6\n" },
  ]);
  assert.match(screen, /is-42-tty/);
  assert.equal(code, 6);
});

test("run -it: the terminal's size reaches the container", async () => {
  const { screen } = await onTerminal("run -it --rm test sh -c 'sleep 0.3; stty size'", []);
  assert.match(screen, /30 100/);
});

test("attach: the detach keys leave the container running", async () => {
  const { code } = await onTerminal("run -it --name shell test sh", [{ sees: "/ # ", keys: "\u0010\u0011" }]);
  assert.equal(code, 0);
  assert.equal((await engine.docker("inspect", "-f", "{{.State.Running}}", "shell")).stdout, "true\n");
  const { code: ended } = await onTerminal("attach shell", [{ sees: "", keys: "exit 4\n" }]);
  assert.equal(ended, 4);
  await engine.docker("rm", "-f", "shell");
});

test("exec -it: a second terminal in a running container", async () => {
  await engine.docker("run", "-d", "--name", "host", "test", "sleep", "1000");
  const { screen, code } = await onTerminal("exec -it host sh", [
    { sees: "/ # ", keys: "echo pts: $(tty); exit 8\n" },
  ]);
  assert.match(screen, /pts: \/dev\/pts\/\d+/);
  assert.equal(code, 8);
  await engine.docker("rm", "-f", "host");
});
