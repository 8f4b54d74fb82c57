import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const run = promisify(execFile);

/** Starts the engine as systemd would: with a socket that is bound already as descriptor 3. */
function activator(socket: string): string {
  return `#!/usr/bin/python3
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("${socket}")
listener.listen(16)
if listener.fileno() != 3: os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv("${join(checkout, "bin/gantry")}", ["gantry"] + sys.argv[1:])
`;
}

test("fd:// serves the socket that systemd has bound, and neither it nor the word of it reaches containers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-activated-"));
  const [socket, program] = [join(folder, "given.sock"), join(folder, "start")];
  writeFileSync(program, activator(socket), { mode: 0o755 });
  try {
    await using engine = await EngineUnderTest.start("10.242.0.1/16", undefined, ["-H", "fd://"], program);
    await loadBusybox(engine);
    const { stdout } = await run("curl", ["-s", "--unix-socket", socket, "http://engine/_ping"]);
    assert.equal(stdout, "OK");
    await engine.docker("run", "-d", "--name", "kept", "test", "sleep", "1000");
    assert.equal((await engine.docker("exec", "kept", "ls", "/proc/1/fd")).stdout, "0\n1\n2\n");
    assert.doesNotMatch((await engine.docker("exec", "kept", "cat", "/proc/1/environ")).stdout, /LISTEN/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
