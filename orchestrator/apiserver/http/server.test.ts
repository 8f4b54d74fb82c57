import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { gunzipSync } from "node:zlib";
import { silentLog } from "#base/log.ts";
import { httpsTransport, type HttpsTransport } from "#rpc/https-transport.ts";
import { ensurePki, type Pki } from "#orchestrator/pki/pki.ts";
import { openTestApi, type TestApi } from "../api.fixture.ts";
import { ApiServer } from "./server.ts";

let folder: string;
let pki: Pki;
let api: TestApi;
let server: ApiServer;
let transport: HttpsTransport;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-http-"));
  const names = { hostname: "localhost", nodeName: "n", addresses: [] };
  pki = ensurePki({ folder, now: () => new Date(), log: silentLog, ...names });
  api = await openTestApi({
    nodeCredentials: () => ({ ...pki.identities["apiserver-kubelet-client"], authority: pki.authority }),
  });
  const { authority, frontProxyAuthority } = pki;
  server = await ApiServer.open(api.api.handler, {
    host: "127.0.0.1",
    port: 0,
    tls: { ...pki.identities.apiserver, authority, frontProxyAuthority },
    log: silentLog,
  });
  const { certificate: cert, key } = pki.identities.admin;
  transport = httpsTransport({
    host: "127.0.0.1",
    port: server.port,
    ca: authority,
    credentials: () => ({ cert, key }),
  });
});

after(async () => {
  await transport[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const maps = "/api/v1/namespaces/default/configmaps";

async function rawConnection(): Promise<TLSSocket> {
  const { certificate: cert, key } = pki.identities.admin;
  const socket = connect({
    host: "127.0.0.1",
    port: server.port,
    ca: pki.authority,
    cert,
    key,
    ALPNProtocols: ["http/1.1"],
  });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

test("long lists are compressed for who takes that", async (t) => {
  for (let at = 0; at < 3; at++) {
    const bytes = Buffer.from(
      JSON.stringify({ metadata: { name: `big-${at}` }, data: { a: "x".repeat(60_000) } }),
    );
    const body = { type: "application/json", bytes };
    const { body: answer } = await transport.send({ method: "POST", path: maps, body }, t.signal);
    for await (const _chunk of answer);
  }
  const answer = await transport.send(
    { method: "GET", path: maps, headers: { "accept-encoding": "gzip" } },
    t.signal,
  );
  assert.equal(answer.headers?.["content-encoding"], "gzip");
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  const list = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as {
    readonly items: readonly unknown[];
  };
  assert.equal(list.items.length, 3);
});

test("a watch comes over HTTP/1.1, event by event", async (t) => {
  const socket = await rawConnection();
  socket.write(`GET ${maps}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.includes('"name":"h1"')) break;
    if (!text.includes("big-2") || text.includes("posted")) continue;
    text += "posted";
    const body = { type: "application/json", bytes: Buffer.from('{"metadata":{"name":"h1"}}') };
    await transport.send({ method: "POST", path: maps, body }, t.signal);
  }
  assert.match(text, /^HTTP\/1.1 200 OK[^]*transfer-encoding: chunked/i);
  socket.destroy();
});

test("a watch comes over a WebSocket, one message for each event", async () => {
  const socket = await rawConnection();
  const head = `GET ${maps}?watch=true&fieldSelector=metadata.name%3Dh1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  socket.write(head);
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (bytes.includes('"name":"h1"')) break;
  }
  const text = bytes.toString("latin1");
  assert.match(text, /^HTTP\/1.1 101[^]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
  const frame = bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  assert.equal(frame[0], 0x81);
  const length = frame.readUInt16BE(2);
  const event = JSON.parse(frame.subarray(4, 4 + length).toString()) as { readonly type: string };
  assert.equal(event.type, "ADDED");
  socket.destroy();
});

test("clients that stop in the middle of a request, or send no HTTP, harm nobody", async (t) => {
  const sockets = await Promise.all(Array.from({ length: 20 }, rawConnection));
  for (const [at, socket] of sockets.entries())
    socket.write(
      at % 3 === 0
        ? `POST ${maps} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"met`
        : at % 3 === 1
          ? "GET /api HT"
          : "\u0000\u0001\u0002\r\n\r\n",
    );
  const answer = await transport.send({ method: "GET", path: "/readyz" }, t.signal);
  assert.equal(answer.status, 200);
  for await (const _chunk of answer.body);
  for (const socket of sockets) socket.destroy();
});

test("a body that is too long is refused", async (t) => {
  const body = { type: "application/json", bytes: Buffer.alloc(4 << 20, 0x20) };
  const answer = await transport.send({ method: "POST", path: maps, body }, t.signal);
  assert.equal(answer.status, 413);
  for await (const _chunk of answer.body);
});

test("a log and a command are passed on to the node's agent, bytes as they are", async (t) => {
  const { certificate: cert, key } = pki.identities.kubelet;
  const asked: string[] = [];
  const agent = createServer(
    { cert, key, ca: pki.authority, requestCert: true, rejectUnauthorized: true },
    (message, answer) => {
      asked.push(message.url ?? "");
      answer.writeHead(200, { "content-type": "text/plain" }).end("a line\n");
    },
  );
  agent.on("upgrade", (message, socket) => {
    asked.push(message.url ?? "");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${message.headers.upgrade}\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    );
    socket.on("data", (bytes) => socket.end(Buffer.concat([Buffer.from("echo "), bytes])));
  });
  agent.listen(0, "127.0.0.1");
  await once(agent, "listening");
  const address = agent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const node = { metadata: { name: "n" } };
  await api.send("POST", "/api/v1/nodes", node);
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await api.send("PUT", "/api/v1/nodes/n/status", { ...node, status });
  const pod = { metadata: { name: "p" }, spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] } };
  await api.send("POST", "/api/v1/namespaces/default/pods", pod);

  const log = await transport.send(
    { method: "GET", path: "/api/v1/namespaces/default/pods/p/log?tailLines=5" },
    t.signal,
  );
  let text = "";
  for await (const chunk of log.body) text += Buffer.from(chunk).toString();
  assert.equal(text, "a line\n");

  const admin = pki.identities.admin;
  const asking = request({
    host: "127.0.0.1",
    port: server.port,
    ca: pki.authority,
    cert: admin.certificate,
    key: admin.key,
    method: "POST",
    path: "/api/v1/namespaces/default/pods/p/exec?command=sh&command=-c&stdin=true&stdout=true&tty=false",
    headers: {
      connection: "Upgrade",
      upgrade: "SPDY/3.1",
      "x-stream-protocol-version": ["v4.channel.k8s.io", "v3.channel.k8s.io"],
    },
  });
  asking.end();
  const [answer, socket] = (await once(asking, "upgrade")) as [
    { readonly headers: Record<string, string> },
    TLSSocket,
  ];
  assert.equal(answer.headers["x-stream-protocol-version"], "v4.channel.k8s.io");
  socket.write("hello");
  const [bytes] = (await once(socket, "data")) as [Buffer];
  assert.equal(bytes.toString(), "echo hello");
  socket.destroy();
  assert.deepEqual(asked, [
    "/containerLogs/default/p/c?tailLines=5",
    "/exec/default/p/c?command=sh&command=-c&input=1&output=1",
  ]);
  agent.closeAllConnections();
  agent.close();
});

test("metrics count what was answered", async (t) => {
  const answer = await transport.send({ method: "GET", path: "/metrics" }, t.signal);
  let text = "";
  for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
  assert.match(
    text,
    /apiserver_request_total\{group="",resource="configmaps",scope="namespace",subresource="",verb="CREATE",version="v1",code="201"\} \d+/,
  );
});
