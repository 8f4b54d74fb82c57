import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { openFakeEngine } from "./fake-engine.ts";
import { ask, createContainer, messageIn, openRaw } from "./test-client.ts";

const upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n";
const frame = (text: string, stream = 1) =>
  `${String.fromCharCode(stream)}\0\0\0\0\0\0${String.fromCharCode(text.length)}${text}`;

test("attach: with an upgrade, stdin in the head's own segment reaches the container and output comes back framed", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["cat"], OpenStdin: true });
  const client = openRaw(engine.socket);
  client.socket.write(
    `POST /v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n${upgrade}\r\nfirst\n`,
  );
  const head = await client.seen("\r\n\r\n");
  assert.equal(
    head.split("\r\n\r\n")[0],
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp",
  );
  assert.equal((await ask(engine.socket, "POST", `/containers/${id}/start`)).status, 204);
  await client.seen(frame("first\n"));
  client.socket.write("more\n");
  await client.seen(frame("more\n"));
  client.socket.end(); // half-close is the end of stdin: cat ends, and its connection after it
  await client.closed;
  assert.equal(engine.containers.get(id).state.exitCode, 0);
});

test("attach: without an upgrade the answer is 200 and raw bytes on the same connection, stdin included", async () => {
  await using engine = await openFakeEngine();
  for (const separate of [true, false]) {
    const id = await createContainer(engine.socket, { Cmd: ["cat"], OpenStdin: true });
    const client = openRaw(engine.socket);
    const head = `POST /containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n`;
    client.socket.write(separate ? head : `${head}hello\n`);
    await client.seen("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
    if (separate) client.socket.write("hello\n");
    await ask(engine.socket, "POST", `/containers/${id}/start`);
    await client.seen(frame("hello\n"));
    client.socket.end();
    await client.closed;
  }
});

test("attach: with a tty bytes are raw, and before 1.42 the type is always raw-stream", async () => {
  await using engine = await openFakeEngine();
  const tty = await createContainer(engine.socket, { Cmd: ["echo", "hi"], Tty: true });
  const plain = await createContainer(engine.socket, { Cmd: ["echo", "hi"] });
  for (const [id, version] of [
    [tty, "1.51"],
    [plain, "1.41"],
  ] as const) {
    const client = openRaw(engine.socket);
    client.socket.write(
      `POST /v${version}/containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\n${upgrade}\r\n`,
    );
    await client.seen("Content-Type: application/vnd.docker.raw-stream\r\n");
    await ask(engine.socket, "POST", `/containers/${id}/start`);
    assert.ok((await client.closed).endsWith(id === tty ? "\r\n\r\nhi\n" : frame("hi\n")));
  }
});

test("attach: a client that shuts down its side at once still gets all output", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["echo", "late"] });
  const client = openRaw(engine.socket);
  client.socket.end(`POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\n${upgrade}\r\n`);
  await client.seen("101 UPGRADED");
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  assert.ok((await client.closed).endsWith(frame("late\n")));
});

test("attach: errors before the take-over are ordinary answers", async () => {
  await using engine = await openFakeEngine();
  const client = openRaw(engine.socket);
  client.socket.write(`POST /containers/nope/attach?stream=1 HTTP/1.1\r\n${upgrade}\r\n`);
  assert.match(
    await client.closed,
    /^HTTP\/1.1 404 Not Found\r\n[^]*\{"message":"No such container: nope"\}\n$/,
  );
});

test("exec start: the JSON body comes with the upgrade, however it is cut, and what follows it is stdin", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const body = JSON.stringify({ Detach: false, Tty: false });
  const head = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const chunked = `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  for (const parts of [
    [`${upgrade}${head}${body}in\n`],
    [`${upgrade}${head}`, `${body}in\n`],
    [`${upgrade}${head}${body.slice(0, 5)}`, body.slice(5), "in\n"],
    [`${upgrade}${chunked}`, `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\nin\n`],
    [`Host: x\r\n${head}${body}`, "in\n"],
    [`Host: x\r\n${head}${body}in\n`],
  ]) {
    const exec = await ask(engine.socket, "POST", `/containers/${id}/exec`, {
      body: { Cmd: ["cat"], AttachStdin: true, AttachStdout: true },
    });
    const { Id } = JSON.parse(exec.text) as { Id: string };
    const client = openRaw(engine.socket);
    client.socket.setNoDelay(true);
    client.socket.write(`POST /v1.51/exec/${Id}/start HTTP/1.1\r\n`);
    for (const part of parts) {
      client.socket.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen = await client.seen(frame("in\n"));
    assert.match(seen, /Api-Version: 1\.51\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: /);
    client.socket.end();
    await client.closed;
    const { ExitCode } = JSON.parse((await ask(engine.socket, "GET", `/exec/${Id}/json`)).text) as {
      ExitCode: number;
    };
    assert.equal(ExitCode, 0);
  }
});

test("exec start: detached is an ordinary answer; a second start tells its error in the stream; unknown is 404", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const exec = await ask(engine.socket, "POST", `/containers/${id}/exec`, { body: { Cmd: ["echo", "x"] } });
  const { Id } = JSON.parse(exec.text) as { Id: string };
  const detached = await ask(engine.socket, "POST", `/exec/${Id}/start`, { body: { Detach: true } });
  assert.equal(detached.status, 200);
  const again = openRaw(engine.socket);
  again.socket.write(
    `POST /exec/${Id}/start HTTP/1.1\r\n${upgrade}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  );
  const seen = await again.closed;
  assert.match(seen, /101 UPGRADED[^]*Error: Exec command [0-9a-f]+ has already run\r\n$/);
  assert.ok(seen.includes("\r\n\r\n\x01\0\0\0\0\0\0"));
  const unknown = await ask(engine.socket, "POST", "/exec/nope/start", { body: {} });
  assert.equal(unknown.status, 404);
  assert.equal(messageIn(unknown), "No such exec instance: nope");
});

test("attach by websocket: binary frames without headers, masked input, ping and close", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["cat"], OpenStdin: true });
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const client = openRaw(engine.socket);
  client.socket.write(
    `GET /containers/${id}/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  assert.match(await client.seen("\r\n\r\n"), /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  client.socket.write(masked(2, Buffer.from("over")));
  await client.seen("\x82\x04over");
  const long = "z".repeat(70_000);
  for (const byte of masked(1, Buffer.from("cut"))) client.socket.write(Buffer.from([byte]));
  await client.seen("\x82\x03cut");
  client.socket.write(masked(2, Buffer.from(long)));
  await client.seen("z".repeat(100));
  client.socket.write(masked(9, Buffer.from("hey")));
  await client.seen("\x8a\x03hey");
  client.socket.write(masked(8, Buffer.from([3, 232])));
  assert.ok((await client.closed).includes("\x88\x02\x03\xe8"));
});

test("attach by websocket: an unmasked frame ends it, garbage does no harm", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  for (const bytes of [
    Buffer.from([0x82, 1, 65]),
    Buffer.from([0xf2, 0x80]),
    randomBytes(4096),
    Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4]),
  ]) {
    const client = openRaw(engine.socket);
    client.socket.write(
      `GET /containers/${id}/attach/ws?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n`,
    );
    await client.seen("101 Switching");
    client.socket.end(bytes);
    await client.closed;
  }
  assert.equal((await ask(engine.socket, "GET", "/_ping")).status, 200);
});

test("an upgrade that no route asked for is an ordinary request", async () => {
  await using engine = await openFakeEngine();
  const reply = await ask(engine.socket, "GET", "/_ping", {
    headers: { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "" },
  });
  assert.equal(reply.text, "OK");
  assert.equal(
    (await ask(engine.socket, "POST", "/session", { headers: { Connection: "Upgrade", Upgrade: "h2c" } }))
      .status,
    501,
  );
});

test("wait: the head comes at once, the body when it is over; removed answers after removal", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["exit", "3"], HostConfig: { AutoRemove: true } });
  const removed = openRaw(engine.socket);
  removed.socket.write(
    `POST /containers/${id}/wait?condition=removed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  const next = openRaw(engine.socket);
  next.socket.write(
    `POST /containers/${id}/wait?condition=next-exit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  await removed.seen("200 OK");
  await next.seen("200 OK");
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  assert.match(await next.closed, /\{"StatusCode":3\}/);
  assert.match(await removed.closed, /\{"StatusCode":3\}/);
  const unknown = await ask(engine.socket, "POST", `/containers/${id}/wait`);
  assert.equal(unknown.status, 404);
  const created = await createContainer(engine.socket, { Cmd: ["sleep"] });
  assert.equal((await ask(engine.socket, "POST", `/containers/${created}/wait`)).text, '{"StatusCode":0}\n');
  const bad = await ask(engine.socket, "POST", `/containers/${created}/wait?condition=x`);
  assert.equal(bad.status, 400);
});

test("wait: a client that leaves ends its wait", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  const client = request({
    socketPath: engine.socket,
    method: "POST",
    path: `/containers/${id}/wait?condition=next-exit`,
  });
  client.on("error", () => {});
  client.end();
  const [response] = (await once(client, "response")) as [{ destroy(): void }];
  response.destroy();
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  assert.equal((await ask(engine.socket, "DELETE", `/containers/${id}?force=1`)).status, 204);
  assert.deepEqual(engine.errors, []);
});

test("logs: framed or raw by the container, typed by version, errors before the first byte have a status", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["echo", "out"] }, "logger");
  await ask(engine.socket, "POST", "/containers/logger/start");
  const reply = await ask(engine.socket, "GET", `/containers/${id}/logs?stdout=1`);
  assert.equal(reply.headers["content-type"], "application/vnd.docker.multiplexed-stream");
  assert.equal(reply.text, frame("out\n"));
  const old = await ask(engine.socket, "GET", "/v1.41/containers/logger/logs?stdout=1&tail=all");
  assert.equal(old.headers["content-type"], "application/vnd.docker.raw-stream");
  const neither = await ask(engine.socket, "GET", "/containers/logger/logs");
  assert.equal(neither.status, 400);
  assert.equal(messageIn(neither), "Bad parameters: you must choose at least one stream");
  assert.equal((await ask(engine.socket, "GET", "/containers/logger/logs?stdout=1&since=x")).status, 400);
  assert.equal((await ask(engine.socket, "GET", "/containers/nope/logs?stdout=1")).status, 404);
});

test("events: replay, live and end; the short fields of before 1.52; digits of timeNano are whole", async () => {
  await using engine = await openFakeEngine();
  await createContainer(engine.socket, { Cmd: ["echo"] }, "one");
  const live = openRaw(engine.socket);
  live.socket.write("GET /v1.51/events?since=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await live.seen('"status":"create"');
  await createContainer(engine.socket, { Cmd: ["echo"] }, "two");
  const seen = await live.seen('"name":"two"');
  assert.match(
    seen,
    /\{"status":"create","id":"[0-9a-f]{64}","from":"bb","Type":"container","Action":"create",/,
  );
  assert.match(seen, /"timeNano":\d{19}\}\n/);
  live.socket.destroy();
  const past = await ask(engine.socket, "GET", `/v1.52/events?until=${Date.now() / 1000 - 0.001}`);
  assert.equal(past.headers["content-type"], "application/x-ndjson");
  assert.doesNotMatch(past.text, /"status"/);
  const wrong = await ask(engine.socket, "GET", "/events?since=10&until=5");
  assert.equal(messageIn(wrong), "`since` time (10) cannot be after `until` time (5)");
  // As dockerd, which looks only at filters that it knows.
  const unknown = await ask(engine.socket, "GET", `/events?until=5&filters={"foo":["x"]}`);
  assert.deepEqual([unknown.status, unknown.text], [200, ""]);
  assert.equal(engine.events.listenerCount, 0);
});

test("events: a client that does not read is cut off instead of filling the memory", async () => {
  await using engine = await openFakeEngine();
  const client = openRaw(engine.socket);
  client.socket.pause();
  client.socket.write("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  while (engine.events.listenerCount === 0) await new Promise((resolve) => setImmediate(resolve));
  const attributes = { padding: "p".repeat(1000) };
  for (let batch = 0; batch < 40 && engine.events.listenerCount > 0; batch++) {
    for (let index = 0; index < 1000; index++) engine.events.publish("container", "x", "id", attributes);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(engine.events.listenerCount, 0);
  client.socket.resume();
  await client.closed;
});

test("load: progress as JSON lines; a failure is a line too, even the first", async () => {
  await using engine = await openFakeEngine();
  const post = (body: Buffer) =>
    ask(engine.socket, "POST", "/images/load", { body, headers: { "Content-Type": "application/x-tar" } });
  const good = await post(Buffer.alloc(100));
  assert.equal(good.status, 200);
  assert.equal(
    good.text,
    '{"status":"Loading layer","id":"abc","progressDetail":{"current":100,"total":100}}\r\n{"stream":"Loaded image: bb:latest\\n"}\r\n',
  );
  const late = await post(Buffer.alloc(5));
  assert.equal(late.status, 200);
  assert.match(
    late.text,
    /\r\n\{"errorDetail":\{"message":"archive is truncated"\},"error":"archive is truncated"\}\r\n$/,
  );
  const early = await post(Buffer.alloc(0));
  assert.equal(early.status, 200);
  assert.match(early.text, /^\{"errorDetail":/);
  const imported = await ask(engine.socket, "POST", "/images/create?fromSrc=-&repo=x", {
    body: Buffer.alloc(10),
  });
  assert.match(imported.text, /^\{"status":"sha256:abab/);
});

test("stats: one-shot, two samples and stream; a stopped container has zeros", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] }, "st");
  const stopped = JSON.parse((await ask(engine.socket, "GET", "/containers/st/stats?stream=0")).text) as {
    read: string;
    name: string;
    memory_stats: object;
  };
  assert.equal(stopped.read, "0001-01-01T00:00:00Z");
  assert.equal(stopped.name, "/st");
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const one = JSON.parse(
    (await ask(engine.socket, "GET", "/containers/st/stats?stream=0&one-shot=1")).text,
  ) as {
    precpu_stats: { system_cpu_usage?: number };
    cpu_stats: { system_cpu_usage: number };
  };
  assert.equal(one.precpu_stats.system_cpu_usage, undefined);
  assert.equal(one.cpu_stats.system_cpu_usage, 1e9);
  const stream = openRaw(engine.socket);
  stream.socket.write("GET /containers/st/stats HTTP/1.1\r\nHost: x\r\n\r\n");
  await stream.seen('"precpu_stats":{"cpu_usage":{"total_usage":0');
  stream.socket.destroy();
});

function masked(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const size =
    payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : payload.length < 65536
        ? Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 255])
        : Buffer.concat([Buffer.from([0x80 | 127]), sizeBytes(payload.length)]);
  return Buffer.concat([
    Buffer.from([0x80 | opcode]),
    size,
    mask,
    payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0)),
  ]);
}

function sizeBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
