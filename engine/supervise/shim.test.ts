import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "#base/log.ts";
import { isFault } from "#base/fault.ts";
import { openAttach, openExec, ShimControl } from "./shim-client.ts";
import { Spawner } from "./spawner.ts";

// The native program with a real runtime and a real root file system, without the rest of the engine.

const binary = join(import.meta.dirname, "../../native/build/gantry-shim");
const folder = mkdtempSync(join(tmpdir(), "gantry-shim-"));
let spawner: Spawner;

before(() => {
  spawner = new Spawner(binary, { runtime: "/usr/bin/crun", folder }, silentLog);
  mkdirSync(join(folder, "lower/bin"), { recursive: true });
  for (const name of ["proc", "dev", "sys", "tmp"]) mkdirSync(join(folder, "lower", name));
  for (const applet of ["busybox", "sh", "cat", "sleep", "true", "tty"])
    copyFileSync("/bin/busybox", join(folder, "lower/bin", applet));
});
after(async () => {
  await spawner[Symbol.asyncDispose]();
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(folder), "no mount is left on the host");
  rmSync(folder, { recursive: true });
});

interface Shim {
  readonly id: string;
  readonly bundle: string;
  readonly socket: string;
  readonly log: string;
  readonly exitFile: string;
}

const process0 = {
  cwd: "/",
  env: ["PATH=/bin"],
  user: { uid: 0, gid: 0 },
  capabilities: {},
};

function configOf(bundle: string, args: readonly string[], terminal: boolean) {
  const mount = (destination: string, type: string, options: readonly string[] = []) => ({
    destination,
    type,
    source: type,
    options,
  });
  return {
    ociVersion: "1.0.2",
    process: { ...process0, args, terminal },
    root: { path: join(bundle, "rootfs") },
    mounts: [
      mount("/proc", "proc"),
      mount("/dev", "tmpfs", ["nosuid", "mode=755"]),
      mount("/dev/pts", "devpts", ["newinstance", "ptmxmode=0666", "mode=0620"]),
    ],
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        { type: "network", path: "/proc/self/fd/10" },
      ],
    },
  };
}

async function startShim(
  args: readonly string[],
  options: {
    readonly tty?: boolean;
    readonly stdin?: boolean;
    readonly extra?: readonly string[];
    /** What an earlier run left as its exit. */
    readonly earlierExit?: string;
  } = {},
): Promise<Shim> {
  const id = randomBytes(8).toString("hex");
  const bundle = join(folder, id);
  for (const name of ["rootfs", "cgroup", "upper", "work"])
    mkdirSync(join(bundle, name), { recursive: true });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(configOf(bundle, args, options.tty ?? false)));
  const shim = {
    id,
    bundle,
    socket: join(folder, `${id}.sock`),
    log: join(bundle, "log"),
    exitFile: join(bundle, "exit"),
  };
  if (options.earlierExit !== undefined) writeFileSync(shim.exitFile, options.earlierExit);
  await spawner.startShim(
    shim.socket,
    [{ name: "netns", handle: await spawner.createSandbox(undefined) }],
    [
      id,
      `bundle=${bundle}`,
      `socket=${shim.socket}`,
      `state=${join(folder, "state")}`,
      `layers=${folder}`,
      `overlay=lowerdir=lower,upperdir=${id}/upper,workdir=${id}/work`,
      `cgroup-base=${join(bundle, "cgroup")}`,
      `log=${shim.log}`,
      `exit-file=${shim.exitFile}`,
      `tty=${Number(options.tty ?? false)}`,
      `stdin=${Number(options.stdin ?? false)}`,
      "stdin-once=1",
      ...(options.extra ?? []),
    ],
  );
  return shim;
}

/** Runs to the end with one client attached; returns what that got. */
async function runAttached(shim: Shim, input?: Buffer) {
  const control = await ShimControl.connect(shim.socket);
  const stream = await openAttach(shim.socket, { stdin: input !== undefined, stdout: true, stderr: true });
  const chunks: Buffer[] = [];
  stream.on("data", (bytes: Buffer) => chunks.push(bytes));
  const ended = new Promise((resolve) => stream.once("end", resolve));
  if (input !== undefined) stream.end(input);
  control.go();
  await control.started;
  const exited = await control.exited;
  await ended;
  control.detach();
  stream.destroy();
  return { exited, output: Buffer.concat(chunks) };
}

/** Takes stdcopy frames apart. */
function unframe(bytes: Buffer): { readonly stdout: string; readonly stderr: string } {
  const parts: Buffer[][] = [[], [], []];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    parts[bytes[at] ?? 0]?.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  const text = (stream: number) => Buffer.concat(parts[stream] ?? []).toString();
  return { stdout: text(1), stderr: text(2) };
}

function logOf(
  shim: Shim,
): readonly { readonly log: string; readonly stream: string; readonly time: string }[] {
  return readFileSync(shim.log, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { log: string; stream: string; time: string });
}

test("shim: a client that attached before the start gets the first byte, and the exit is on disk", async () => {
  const shim = await startShim(["sh", "-c", "echo out; echo err >&2; exit 7"]);
  const { exited, output } = await runAttached(shim);
  assert.equal(exited?.exitCode, 7);
  assert.deepEqual(unframe(output), { stdout: "out\n", stderr: "err\n" });
  assert.equal(readFileSync(shim.exitFile, "utf8").trimEnd(), `7 ${exited?.finishedAt}`);
});

test("shim: the exit of an earlier run is gone when the container has started", async () => {
  const shim = await startShim(["sleep", "1000"], { earlierExit: "3 1" });
  const control = await ShimControl.connect(shim.socket);
  control.go();
  await control.started;
  assert.ok(!existsSync(shim.exitFile));
  control.signal(9);
  assert.equal((await control.exited)?.exitCode, 137);
  control.detach();
});

test("shim: stdin of any size arrives, and its end with it", async () => {
  const input = randomBytes(3_000_000);
  const shim = await startShim(["cat"], { stdin: true });
  const { output } = await runAttached(shim, input);
  const parts: Buffer[] = [];
  for (let at = 0; at < output.length; at += 8 + output.readUInt32BE(at + 4))
    parts.push(output.subarray(at + 8, at + 8 + output.readUInt32BE(at + 4)));
  assert.ok(Buffer.concat(parts).equals(input));
});

test("shim: the log is what was written, whatever bytes that were", async () => {
  const text = `plain\n"quoted" \\ back\t<&>\u0001\u007f é ☃ 🐳 \u2028 end\n${"x".repeat(40_000)}\nlast without newline`;
  const shim = await startShim(["cat"], { stdin: true });
  await runAttached(shim, Buffer.from(text));
  const lines = logOf(shim);
  assert.equal(lines.map((line) => line.log).join(""), text);
  assert.ok(
    lines.every(
      (line) => line.stream === "stdout" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/.test(line.time),
    ),
  );
  assert.ok(
    lines.every((line) => line.log.length <= 16 * 1024 + 1),
    "long lines are split",
  );
});

test("shim: bytes that are no UTF-8 are logged as replacement characters", async () => {
  const shim = await startShim(["cat"], { stdin: true });
  await runAttached(shim, Buffer.from([0x61, 0xff, 0xc3, 0x0a, 0xed, 0xa0, 0x80, 0x0a]));
  assert.deepEqual(
    logOf(shim).map((line) => line.log),
    ["a\ufffd\ufffd\n", "\ufffd\ufffd\ufffd\n"],
  );
});

test("shim: log files rotate by size and only so many are kept", async () => {
  const shim = await startShim(["sh", "-c", "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done"], {
    extra: ["log-max-bytes=4000", "log-max-files=3"],
  });
  await runAttached(shim);
  const files = readdirSync(shim.bundle).filter((name) => name.startsWith("log"));
  assert.deepEqual(files.toSorted(), ["log", "log.1", "log.2"]);
  const kept = ["log.2", "log.1", "log"].flatMap((name) =>
    readFileSync(join(shim.bundle, name), "utf8").trim().split("\n"),
  );
  const numbers = kept.map((line) => Number((JSON.parse(line) as { log: string }).log.split(" ")[1]));
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, i) => 400 - numbers.length + i),
  );
});

test("shim: a terminal is one, and the size can be changed", async () => {
  const shim = await startShim(["sh", "-c", "tty"], { tty: true });
  const { output } = await runAttached(shim);
  assert.equal(output.toString(), "/dev/pts/0\r\n");
});

test("shim: a program that is not there is a fault with the runtime's words", async () => {
  const shim = await startShim(["nosuch"]);
  const control = await ShimControl.connect(shim.socket);
  control.go();
  await assert.rejects(
    control.started,
    (error) => isFault(error, "internal") && /nosuch.*not found/.test(error.message),
  );
  control.detach();
});

test("shim: execs have their own streams and exit codes, also when they end at once", async () => {
  const shim = await startShim(["sleep", "1000"]);
  const control = await ShimControl.connect(shim.socket);
  control.go();
  await control.started;
  const results = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const processFile = `process-${i}.json`;
      writeFileSync(
        join(shim.bundle, processFile),
        JSON.stringify({ ...process0, args: ["sh", "-c", `echo ${i}; exit ${i}`] }),
      );
      const exit = control.execExit(`e${i}`);
      const { socket } = await openExec(shim.socket, {
        id: `e${i}`,
        tty: false,
        stdin: false,
        stdout: true,
        stderr: true,
        processFile,
      });
      const chunks: Buffer[] = [];
      for await (const chunk of socket) chunks.push(chunk as Buffer);
      return [await exit, unframe(Buffer.concat(chunks)).stdout];
    }),
  );
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, (_, i) => [i, `${i}\n`]),
  );
  control.signal(9);
  assert.equal((await control.exited)?.exitCode, 137);
  control.detach();
});

test("shim: outlives its daemon's connection, and tells the next one what it missed", async () => {
  const shim = await startShim(["sh", "-c", "cat; exit 3"], { stdin: true });
  const first = await ShimControl.connect(shim.socket);
  first.go();
  const { pid } = await first.started;
  first.detach();
  const second = await ShimControl.connect(shim.socket);
  assert.equal((await second.started).pid, pid);
  const stream = await openAttach(shim.socket, { stdin: true, stdout: true, stderr: true });
  stream.resume();
  stream.end("x");
  assert.equal((await second.exited)?.exitCode, 3);
  second.detach();
  stream.destroy();
});

test("shim: a client that does not read holds up the container, not the end of it", async () => {
  const shim = await startShim([
    "sh",
    "-c",
    "while :; do echo 0123456789012345678901234567890123456789; done",
  ]);
  const control = await ShimControl.connect(shim.socket);
  const stream = await openAttach(shim.socket, { stdin: false, stdout: true, stderr: true });
  stream.pause();
  control.go();
  await control.started;
  control.signal(9);
  assert.equal((await control.exited)?.exitCode, 137);
  control.detach();
  stream.destroy();
});

test("shim: ends by itself when the daemon goes away before the start", async () => {
  const shim = await startShim(["true"]);
  (await ShimControl.connect(shim.socket)).detach();
  while (existsSync(shim.socket)) await delay(5);
});

test("spawner: a bound port is refused to others and free again after release", async () => {
  const { handle, port } = await spawner.bindPort({ protocol: "tcp", address: "127.0.0.1", port: 0 });
  await assert.rejects(
    spawner.bindPort({ protocol: "tcp", address: "127.0.0.1", port }),
    (error) => isFault(error, "exhausted") && error.message.includes("address already in use"),
  );
  const foreign = net.createServer().listen(port, "127.0.0.1"); // Node sets SO_REUSEADDR, as servers do
  await assert.rejects(once(foreign, "listening"), { code: "EADDRINUSE" });
  await spawner.release(handle);
  await spawner.release((await spawner.bindPort({ protocol: "tcp", address: "127.0.0.1", port })).handle);
});

test("spawner: a port that only ended connections still hold can be bound, a listener's cannot", async () => {
  const server = net.createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const request = { protocol: "tcp", address: "127.0.0.1", port } as const;
  await assert.rejects(spawner.bindPort(request), (error) => isFault(error, "exhausted"));
  const client = net.connect(port, "127.0.0.1").resume();
  await once(client, "close"); // the server closed first: its end is in TIME_WAIT
  server.close();
  await once(server, "close");
  const { handle } = await spawner.bindPort(request);
  const refused = net.connect(port, "127.0.0.1");
  await assert.rejects(once(refused, "connect"), { code: "ECONNREFUSED" });
  await assert.rejects(spawner.bindPort(request), (error) => isFault(error, "exhausted"));
  await spawner.release(handle);
});
