import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { type TestContext, test } from "node:test";
import { toGoMode } from "#api/buildkit/go-mode.ts";
import { bytesMessage, packet, packetTypes } from "#api/buildkit/session.ts";
import { isFault } from "#base/fault.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { serveGrpc } from "#rpc/grpc-server.ts";
import type { Methods } from "#rpc/methods.ts";
import { receiveMethod, sendPath } from "./file-receive.ts";
import { forwardAgentMethod, forwardAgentPath } from "./ssh-agent.ts";
import { syncMethod, syncPath } from "./file-sync.ts";

function clientOf(t: TestContext, methods: Methods): GrpcClient {
  const [ours, theirs] = duplexPair();
  void serveGrpc(theirs, methods, t.signal);
  const client = new GrpcClient(ours, "the test's connection");
  t.after(() => client.destroy());
  return client;
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-session-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("forwardAgentMethod: bytes go both ways until the agent ends", async (t) => {
  const socket = join(temporary(t), "agent.sock");
  const agent: Server = createServer({ allowHalfOpen: true }, (connection) => {
    connection.on("data", (bytes: Buffer) => connection.end(`answer to ${bytes.toString()}`));
  });
  agent.listen(socket);
  await once(agent, "listening");
  t.after(() => agent.close());
  const client = clientOf(
    t,
    new Map([[forwardAgentPath, forwardAgentMethod(new Map([["default", socket]]))]]),
  );
  using call = client.open(forwardAgentPath, {}, t.signal);
  await call.send(bytesMessage.encode({ data: Buffer.from("question") }));
  let got = "";
  for await (const message of call.messages())
    got += Buffer.from(bytesMessage.decode(message).data).toString();
  assert.equal(got, "answer to question");
  using other = client.open(forwardAgentPath, { "buildkit.ssh.id": "other" }, t.signal);
  await assert.rejects(async () => {
    for await (const _ of other.messages());
  }, /unset ssh forward key other/);
});

test("syncMethod: nothing can be asked for but folders that are offered", async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, "a"), "in a");
  const methods = new Map([[syncPath, syncMethod(new Map([["context", { kind: "folder", path: folder }]]))]]);
  const client = clientOf(t, methods);
  using refused = client.open(syncPath, { "dir-name": "/etc" }, t.signal);
  await assert.rejects(
    async () => {
      for await (const _ of refused.messages());
    },
    (error) => isFault(error, "not-found"),
  );
  using call = client.open(syncPath, { "dir-name": "context" }, t.signal);
  let text = "";
  for await (const message of call.messages()) {
    const { type, stat, data } = packet.decode(message);
    if (type === packetTypes.stat && stat === undefined)
      await call.send(packet.encode({ type: packetTypes.request, id: 0 }));
    else if (type === packetTypes.data && data.length > 0) text += Buffer.from(data).toString();
    else if (type === packetTypes.data) await call.send(packet.encode({ type: packetTypes.finish }));
    else if (type === packetTypes.finish) call.finish();
  }
  assert.equal(text, "in a");
});

async function sendTree(
  client: GrpcClient,
  stats: readonly { readonly path: string; readonly mode?: number; readonly linkname?: string }[],
  signal: AbortSignal,
): Promise<void> {
  using call = client.open(sendPath, {}, signal);
  for (const stat of stats)
    await call.send(
      packet.encode({ type: packetTypes.stat, stat: { mode: toGoMode("file", 0o644), ...stat } }),
    );
  await call.send(packet.encode({ type: packetTypes.stat }));
  for await (const message of call.messages()) {
    const { type, id } = packet.decode(message);
    if (type === packetTypes.finish) {
      await call.send(packet.encode({ type: packetTypes.finish }));
      call.finish();
    } else {
      await call.send(packet.encode({ type: packetTypes.data, id, data: Buffer.from("text") }));
      await call.send(packet.encode({ type: packetTypes.data, id }));
    }
  }
}

test("receiveMethod: a tree is written below its folder, and nothing goes outside of it or through links", async (t) => {
  const outside = temporary(t);
  const folder = join(temporary(t), "out");
  const client = clientOf(
    t,
    new Map([[sendPath, receiveMethod(new Map([["0", { kind: "folder", path: folder }]]))]]),
  );
  const folderMode = toGoMode("folder", 0o755);
  await sendTree(
    client,
    [{ path: "d", mode: folderMode }, { path: "d/f" }, { path: "d/g", linkname: "d/f" }],
    t.signal,
  );
  assert.equal(readFileSync(join(folder, "d/g"), "utf8"), "text");
  symlinkSync(outside, join(folder, "link"));
  const bad = [
    [{ path: "../x" }],
    [{ path: "link/x" }],
    [{ path: "/x" }],
    [{ path: "l", mode: toGoMode("symlink", 0o777), linkname: outside }, { path: "l/x" }],
  ];
  for (const stats of bad)
    await assert.rejects(sendTree(client, stats, t.signal), /invalid path|was not listed/);
  assert.equal(existsSync(join(outside, "x")), false);
  await sendTree(client, [{ path: "link", mode: folderMode }, { path: "link/x" }], t.signal);
  assert.equal(existsSync(join(outside, "x")), false);
});
