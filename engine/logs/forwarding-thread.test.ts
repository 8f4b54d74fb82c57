import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { silentLog } from "#base/log.ts";
import { ForwardingThread } from "./forwarding-thread.ts";
import type { ForwardedLog } from "./forwarders.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-forwarding-"));
after(() => rmSync(folder, { recursive: true }));
const host = { hostname: "h", pid: 1 };

function record(text: string, millisecond: number): string {
  const time = `2026-11-26T10:00:00.${String(millisecond).padStart(3, "0")}000000Z`;
  return `${JSON.stringify({ log: `${text}\n`, stream: "stdout", time })}\n`;
}

function logAt(name: string, socket: string): ForwardedLog {
  const path = join(folder, name);
  writeFileSync(path, record("one", 1));
  return {
    path,
    shippedPath: `${path}.shipped`,
    config: { Type: "syslog", Config: { "syslog-address": `unix://${socket}` } },
    info: {
      options: { "syslog-address": `unix://${socket}`, tag: "t" },
      containerId: name,
      containerName: name,
      entrypoint: "",
      args: [],
      imageId: "",
      imageName: "",
      created: "",
      env: [],
      labels: {},
      hostname: "h",
      logPath: "",
    },
  };
}

async function receive(
  path: string,
): Promise<AsyncDisposable & { until(end: RegExp): Promise<string>; readonly server: Server }> {
  let text = "";
  let wake = () => {};
  const server = createServer((socket) =>
    socket.on("data", (bytes) => {
      text += bytes.toString();
      wake();
    }),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    server,
    async until(end) {
      while (!end.test(text)) await new Promise<void>((resolve) => (wake = resolve));
      return text;
    },
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

test("ForwardingThread: sends a log while it grows, and settles when all of it is sent", async (t) => {
  const socket = join(folder, "a.sock");
  await using receiver = await receive(socket);
  await using thread = new ForwardingThread(host, silentLog);
  const log = logAt("a", socket);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const inodes: string[] = [];
  const opened = await thread.open(log, t.signal);
  thread.follow(log, { ended, onFile: (inode) => inodes.push(inode), opened });
  await receiver.until(/one\n$/);
  appendFileSync(log.path, record("two", 2) + record("two\u00e9", 2) + record("", 3) + record("four", 4));
  assert.match(await receiver.until(/four\n$/), /: one\n.*: two\n.*: two\u00e9\n.*: four\n$/s);
  end();
  await thread.settle("a");
  assert.equal(inodes.length, 1);
  const { offset } = JSON.parse(readFileSync(log.shippedPath, "utf8")) as { offset: number };
  assert.equal(offset, readFileSync(log.path).length);
});

test("ForwardingThread: what was sent is not sent again by the next one, and what was not is", async (t) => {
  const socket = join(folder, "b.sock");
  await using receiver = await receive(socket);
  const log = logAt("b", socket);
  const never = new Promise<void>(() => undefined);
  {
    await using thread = new ForwardingThread(host, silentLog);
    thread.follow(log, { ended: never, onFile: () => {}, opened: await thread.open(log, t.signal) });
    await receiver.until(/one\n$/);
  }
  appendFileSync(log.path, record("two", 2));
  await using thread = new ForwardingThread(host, silentLog);
  thread.resume(log);
  assert.match(await receiver.until(/two\n$/), /^[^\n]*: one\n[^\n]*: two\n$/);
});

test("ForwardingThread: a receiver that is not there fails the start with dockerd's text", async (t) => {
  await using thread = new ForwardingThread(host, silentLog);
  const missing = join(folder, "missing.sock");
  await assert.rejects(thread.open(logAt("c", missing), t.signal), (error) => {
    assert.ok(isFault(error, "internal"));
    assert.match(
      error.message,
      /^failed to create task for container: failed to initialize logging driver: dial unix .*missing\.sock: connect: no such file or directory$/,
    );
    return true;
  });
});

test("ForwardingThread: logs that stay here need no thread", async (t) => {
  await using thread = new ForwardingThread(host, silentLog);
  const log = { ...logAt("d", "/none"), config: { Type: "json-file", Config: {} } };
  assert.equal(await thread.open(log, t.signal), undefined);
  await thread.settle("d");
});
