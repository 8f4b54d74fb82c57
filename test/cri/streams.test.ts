import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { versionRequest, versionResponse } from "#api/cri/messages.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { connectSpdyCommand, connectWebSocketCommand } from "../support/connect-command.ts";
import { connectPortForward } from "../support/connect-port-forward.ts";
import { exitCodeOf } from "#rpc/remote-command/remote-status.ts";
import { PodsUnderTest } from "../support/pods.ts";

let pods: PodsUnderTest;
let pod: string;
let id: string;

before(async () => {
  const signal = AbortSignal.timeout(20_000);
  pods = await PodsUnderTest.start();
  pod = await pods.run(signal);
  id = await pods.start(pod, "httpd -p 80 -h /etc; trap exit TERM; while :; do sleep 0.1; done", signal);
});
after(() => pods[Symbol.asyncDispose]());

const connectors = { spdy: connectSpdyCommand, websocket: connectWebSocketCommand };
const all = { stdin: true, stdout: true, stderr: true, tty: false };
const read = (stream: Readable | undefined) => text(stream ?? Readable.from([]));

test("execSync: output, exit codes, what is not there, and what takes too long", async (t) => {
  const run = (cmd: readonly string[], timeout = 10) =>
    pods.runtime.execSync({ containerId: id, cmd, timeout }, t.signal);
  const { stdout, stderr, exitCode } = await run(["sh", "-c", "echo out; echo err >&2; exit 7"]);
  assert.deepEqual(
    [String(Buffer.from(stdout)), String(Buffer.from(stderr)), exitCode],
    ["out\n", "err\n", 7],
  );
  await assert.rejects(run(["nosuch"]), /"nosuch": executable file not found in \$PATH/);
  await assert.rejects(run(["sleep", "100"], 1), /timeout 1s exceeded/);
  await assert.rejects(pods.runtime.execSync({ containerId: "nosuch", cmd: ["x"] }, t.signal), {
    kind: "not-found",
  });
  const large = await run(["head", "-c", "3000000", "/dev/zero"]);
  assert.equal(large.stdout.length, 3_000_000);
});

for (const [name, connect] of Object.entries(connectors)) {
  test(`exec by ${name}: streams, end of input, exit code`, async (t) => {
    const cmd = ["sh", "-c", "cat; echo oops >&2; exit 5"];
    const { url } = await pods.runtime.exec({ containerId: id, cmd, ...all }, t.signal);
    using command = await connect(new URL(url), all, {}, t.signal);
    const sent = "x".repeat(1_000_000);
    command.stdin?.end(sent);
    const [out, err] = await Promise.all([read(command.stdout), read(command.stderr)]);
    assert.equal(out.length, sent.length);
    assert.equal(err, "oops\n");
    assert.equal(exitCodeOf(await command.status), 5);
    await assert.rejects(connect(new URL(url), all, {}, t.signal), /unknown or used token|404/);
  });

  test(`exec by ${name}: a terminal with the client's size`, async (t) => {
    const wanted = { stdin: true, stdout: true, stderr: false, tty: true };
    const cmd = ["sh", "-c", "read x; stty size; tty; exit 3"];
    const { url } = await pods.runtime.exec({ containerId: id, cmd, ...wanted }, t.signal);
    using command = await connect(new URL(url), wanted, {}, t.signal);
    command.resize({ width: 77, height: 33 });
    const out = read(command.stdout);
    await pods.sh(
      id,
      "until [ -e /dev/pts/0 ] && [ \"$(stty size < /dev/pts/0)\" = '33 77' ]; do :; done",
      t.signal,
    );
    command.stdin?.write("\n");
    assert.match(await out, /33 77\r\n\/dev\/pts\/0\r\n$/);
    assert.equal(exitCodeOf(await command.status), 3);
  });

  test(`exec by ${name}: what cannot be run says so, and what its client leaves is killed`, async (t) => {
    const wanted = { ...all, stdin: false };
    const missing = await pods.runtime.exec({ containerId: id, cmd: ["nosuch"], ...wanted }, t.signal);
    using failed = await connect(new URL(missing.url), wanted, {}, t.signal);
    const status = await failed.status;
    assert.match(status.message ?? "", /executable file not found/);
    assert.equal(exitCodeOf(status), undefined);
    const cmd = ["sh", "-c", `echo up; exec sleep 12345`];
    const { url } = await pods.runtime.exec({ containerId: id, cmd, ...wanted }, t.signal);
    const command = await connect(new URL(url), wanted, {}, t.signal);
    await once(command.stdout ?? process.stdin, "data");
    command[Symbol.dispose]();
    await pods.sh(id, "while ps -o args | grep -q '[s]leep 12345'; do :; done", t.signal);
  });

  test(`attach by ${name}: output from now on, and input`, async (t) => {
    const reader = await pods.start(pod, "while read line; do echo got $line; done; exit 4", t.signal, {
      stdin: true,
      stdinOnce: true,
    });
    const { url } = await pods.runtime.attach({ containerId: reader, ...all }, t.signal);
    using command = await connect(new URL(url), all, {}, t.signal);
    const out = read(command.stdout);
    command.stdin?.write("one\n");
    command.stdin?.end("two\n");
    assert.equal(await out, "got one\ngot two\n");
    assert.equal((await pods.ended(reader, t.signal)).exitCode, 4);
  });
}

for (const how of ["spdy", "websocket"] as const)
  test(`port forward by ${how}: to the pod's loopback, many at once`, async (t) => {
    const { url } = await pods.runtime.portForward({ podSandboxId: pod, port: [80] }, t.signal);
    using ports = await connectPortForward(new URL(url), how, {}, t.signal);
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { data, failure } = await ports.open(80);
        data.write("GET /passwd HTTP/1.0\r\n\r\n");
        assert.match(await text(data), /^HTTP\/1.\d 200 OK\r\n[^]*\r\n\r\nroot:/);
        assert.equal(await failure, "");
      }),
    );
    const { data, failure } = await ports.open(81);
    data.resume();
    assert.match(await failure, /an error occurred forwarding 81 -> 81: Connection refused/);
  });

test("what makes no sense is refused", async (t) => {
  const { signal } = t;
  await assert.rejects(
    pods.runtime.exec({ containerId: id, cmd: ["x"] }, signal),
    /one of stdin, stdout, or stderr/,
  );
  const both = { stdout: true, stderr: true, tty: true };
  await assert.rejects(pods.runtime.exec({ containerId: id, cmd: ["x"], ...both }, signal), /tty and stderr/);
  await assert.rejects(pods.runtime.portForward({ podSandboxId: "nosuch" }, signal), { kind: "not-found" });
});

test("rubbish on the socket ends its own connection and nothing else", async (t) => {
  const path = join(pods.engine.run, "cri.sock");
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const bytes of [
    randomBytes(1000),
    Buffer.from(preface),
    Buffer.concat([Buffer.from(preface), randomBytes(500)]),
  ]) {
    const socket = net.connect(path);
    socket.on("error", () => {});
    socket.resume();
    socket.end(bytes);
    await once(socket, "close");
  }
  const socket = net.connect(path);
  await once(socket, "connect");
  const client = new GrpcClient(socket, "the test's connection");
  using call = client.open("/runtime.v1.RuntimeService/RunPodSandbox", {}, t.signal);
  await call.send(randomBytes(200));
  call.finish();
  await assert.rejects(call.messages().next(), /unmarshalling request|must be set|metadata/);
  await assert.rejects(
    client.unary("/runtime.v1.RuntimeService/Nosuch", [versionRequest, versionResponse], {}, t.signal),
    {
      kind: "not-implemented",
    },
  );
  client.destroy();
  assert.equal((await pods.runtime.version({}, t.signal)).runtimeName, "gantry");
});

test("crictl works", { skip: (await hasCrictl()) ? false : "crictl is not installed" }, async () => {
  const endpoint = `unix://${join(pods.engine.run, "cri.sock")}`;
  const folder = join(pods.engine.run, "../crictl");
  mkdirSync(folder);
  const crictl = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)("crictl", ["-r", endpoint, "-i", endpoint, ...args]);
    return stdout.trim();
  };
  const file = (name: string, content: object) => {
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  };
  const podFile = file("pod.json", pods.config());
  const containerFile = file("container.json", {
    metadata: { name: "c" },
    image: { image: "test" },
    command: ["sh", "-c", "echo hello; exec sleep 1000"],
    log_path: "c.log",
  });
  const sandbox = await crictl("runp", podFile);
  const container = await crictl("create", sandbox, containerFile, podFile);
  await crictl("start", container);
  assert.equal(await crictl("exec", container, "echo", "streamed"), "streamed");
  assert.equal(await crictl("exec", "-s", container, "echo", "at once"), "at once");
  assert.match(await crictl("ps"), new RegExp(container.slice(0, 13)));
  assert.match(await crictl("inspect", container), /CONTAINER_RUNNING/);
  assert.match(await crictl("inspectp", sandbox), /SANDBOX_READY/);
  assert.match(await crictl("images"), /docker.io\/library\/test/);
  await crictl("stopp", sandbox);
  await crictl("rmp", sandbox);
});

async function hasCrictl(): Promise<boolean> {
  try {
    await promisify(execFile)("crictl", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
