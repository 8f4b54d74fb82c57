import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { silentLog } from "#base/log.ts";
import { openFakeEngine } from "./fake-engine.ts";
import { DockerServer } from "./server.ts";
import { ask, createContainer, messageIn, openRaw } from "./test-client.ts";

test("DockerServer: ping by GET and HEAD has every header that clients negotiate by", async () => {
  await using engine = await openFakeEngine();
  const get = await ask(engine.socket, "GET", "/_ping");
  assert.equal(get.status, 200);
  assert.equal(get.text, "OK");
  assert.equal(get.headers["api-version"], "1.51");
  assert.equal(get.headers["docker-experimental"], "false");
  assert.equal(get.headers["ostype"], "linux");
  assert.equal(get.headers["server"], "Docker/0.0.1 (linux)");
  assert.equal(get.headers["builder-version"], "2");
  assert.equal(get.headers["swarm"], "inactive");
  assert.equal(get.headers["content-type"], "text/plain; charset=utf-8");
  const head = await ask(engine.socket, "HEAD", "/v1.24/_ping");
  assert.equal(head.headers["content-length"], "0");
  assert.equal(head.headers["api-version"], "1.51");
});

test("DockerServer: versions 1.24 to 1.56 are served, others refused with the texts that clients parse", async () => {
  await using engine = await openFakeEngine();
  for (const version of ["1.24", "1.41", "1.51", "1.56"])
    assert.equal((await ask(engine.socket, "GET", `/v${version}/containers/json`)).status, 200);
  const tooNew = await ask(engine.socket, "GET", "/v1.57/info");
  assert.equal(tooNew.status, 400);
  assert.equal(messageIn(tooNew), "client version 1.57 is too new. Maximum supported API version is 1.56");
  const tooOld = await ask(engine.socket, "GET", "/v1.23/info");
  assert.equal(tooOld.status, 400);
  assert.equal(
    messageIn(tooOld),
    "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  );
});

test("DockerServer: an unknown path and a wrong method are both 404 page not found", async () => {
  await using engine = await openFakeEngine();
  for (const [method, path] of [
    ["GET", "/nope"],
    ["POST", "/containers/json"],
    ["GET", "/containers"],
    ["GET", "/containers/"],
    ["PATCH", "/info"],
    ["GET", "/v1.4x/info"],
    ["GET", "/containers/a/b/json"],
  ] as const) {
    const reply = await ask(engine.socket, method, path);
    assert.equal(reply.status, 404, `${method} ${path}`);
    assert.equal(reply.text, '{"message":"page not found"}\n');
  }
});

test("DockerServer: paths that need cleaning are redirected, malformed ones refused, OPTIONS always fine", async () => {
  await using engine = await openFakeEngine();
  const redirected = await ask(engine.socket, "GET", "/v1.41/containers//json");
  assert.equal(redirected.status, 301);
  assert.equal(redirected.headers.location, "/containers/json");
  assert.equal((await ask(engine.socket, "GET", "/containers/%zz/json")).status, 400);
  assert.equal((await ask(engine.socket, "OPTIONS", "/anything")).status, 200);
});

test("DockerServer: image names with slashes, escaped or not, reach the image routes", async () => {
  await using engine = await openFakeEngine();
  for (const path of ["/images/a/b/c/json", "/images/a%2Fb%2Fc/json"]) {
    const reply = await ask(engine.socket, "GET", path);
    assert.equal(reply.status, 404);
    assert.equal(messageIn(reply), "No such image: a/b/c:latest");
  }
  assert.equal((await ask(engine.socket, "GET", "/images/bb/json")).status, 200);
  assert.equal((await ask(engine.socket, "DELETE", "/images/x/json")).status, 404);
});

test("DockerServer: bad bodies are the client's fault, and say what is wrong", async () => {
  await using engine = await openFakeEngine();
  const create = (body: string, headers = {}) =>
    ask(engine.socket, "POST", "/containers/create", { body, headers });
  assert.match(messageIn(await create("{")), /^invalid JSON: unexpected EOF$/);
  assert.match(messageIn(await create("[]")), /cannot unmarshal array into Go value/);
  assert.match(
    messageIn(await create('{"Image":1}')),
    /cannot unmarshal number into Go struct field \.Image of type string/,
  );
  assert.match(messageIn(await create('{"Image":"bb"} x')), /unexpected content after JSON/);
  assert.match(
    messageIn(await create('{"Image":x}')),
    /^invalid JSON: invalid character 'x' looking for beginning of value$/,
  );
  assert.match(
    messageIn(await create("a=b", { "Content-Type": "application/x-www-form-urlencoded" })),
    /must be 'application\/json'/,
  );
  assert.match(messageIn(await create("{}")), /config cannot be empty/);
  const none = await ask(engine.socket, "POST", "/containers/create");
  assert.equal(none.status, 400);
  assert.deepEqual(engine.errors, []);
});

test("DockerServer: a JSON body over 4 MiB is 413, whether it says so or not", async () => {
  await using engine = await openFakeEngine();
  const body = Buffer.alloc(5 * 1024 * 1024, 32);
  const declared = await ask(engine.socket, "POST", "/containers/create", { body });
  assert.equal(declared.status, 413);
  const chunked = await ask(engine.socket, "POST", "/containers/create", {
    body,
    headers: { "Transfer-Encoding": "chunked" },
  });
  assert.equal(chunked.status, 413);
});

test("DockerServer: headers over the limit are 431, garbage 400, and the server goes on", async () => {
  await using engine = await openFakeEngine();
  const huge = openRaw(engine.socket);
  huge.socket.write(`GET /_ping HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(300_000)}\r\n\r\n`);
  assert.match(await huge.closed, /^HTTP\/1.1 431 /);
  const garbage = openRaw(engine.socket);
  garbage.socket.write("\x16\x03\x01 hello\r\n\r\n");
  assert.match(await garbage.closed, /^HTTP\/1.1 400 /);
  assert.equal((await ask(engine.socket, "GET", "/_ping")).status, 200);
});

test("DockerServer: something unexpected is 500 with its message, logged, and the server goes on", async () => {
  await using engine = await openFakeEngine({
    ps: () => Promise.reject(new TypeError("no such thing")),
  });
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const reply = await ask(engine.socket, "GET", `/containers/${id}/top`);
  assert.equal(reply.status, 500);
  assert.equal(messageIn(reply), "no such thing");
  assert.equal(engine.errors.length, 1);
  assert.equal((await ask(engine.socket, "GET", "/_ping")).status, 200);
});

test("DockerServer: 100-continue is answered before the body comes", async () => {
  await using engine = await openFakeEngine();
  const client = openRaw(engine.socket);
  client.socket.write(
    "POST /volumes/create HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n",
  );
  await client.seen("100 Continue");
  client.socket.write('{"Name":"v"}');
  assert.match(await client.seen('"Name":"v"'), /HTTP\/1.1 201 Created/);
  client.socket.destroy();
});

test("DockerServer.listen: the socket is for root and group docker only", async () => {
  await using engine = await openFakeEngine();
  const { mode, gid } = await stat(engine.socket);
  const docker = /^docker:[^:]*:(\d+):/m.exec(await readFile("/etc/group", "utf8"))?.[1];
  assert.equal(mode & 0o777, 0o660);
  if (process.getuid?.() === 0) assert.equal(gid, Number(docker ?? 0));
});

test("DockerServer.listen: refuses a socket that somebody answers on, takes over one that a dead process left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "listen-"));
  const path = join(folder, "s.sock");
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await promisify(execFile)(process.execPath, ["-e", script]).catch(() => {});
  assert.ok((await stat(path)).isSocket());
  {
    await using first = new DockerServer({ routes: [], version: "1", log: silentLog });
    await first.listen(path);
    const second = new DockerServer({ routes: [], version: "1", log: silentLog });
    await assert.rejects(second.listen(path), /in use by another daemon/);
    assert.equal((await ask(path, "GET", "/")).status, 404);
  }
  await assert.rejects(stat(path));
  await writeFile(path, "precious");
  await assert.rejects(
    new DockerServer({ routes: [], version: "1", log: silentLog }).listen(path),
    /is not a socket/,
  );
  assert.equal(await readFile(path, "utf8"), "precious");
  await rm(folder, { recursive: true });
});

test("DockerServer: closing leaves a socket alone that another daemon has put in its place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "listen-"));
  const path = join(folder, "s.sock");
  const server = new DockerServer({ routes: [], version: "1", log: silentLog });
  await server.listen(path);
  await rm(path);
  const other = createServer().unref();
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await server[Symbol.asyncDispose]();
  assert.ok((await stat(path)).isSocket());
  await new Promise((resolve) => other.close(resolve));
  await rm(folder, { recursive: true });
});

test("DockerServer: closing cuts streams at once, and what still waited is no error", async () => {
  const engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["sleep"] });
  const attached = openRaw(engine.socket);
  attached.socket.write(
    `POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  await attached.seen("101 UPGRADED");
  const streams = [`POST /containers/${id}/wait?condition=next-exit`, "GET /events"].map((line) => {
    const client = openRaw(engine.socket);
    client.socket.write(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return client;
  });
  for (const client of streams) await client.seen("200 OK");
  const started = performance.now();
  await engine[Symbol.asyncDispose]();
  await Promise.all([attached.closed, ...streams.map(({ closed }) => closed)]);
  assert.ok(performance.now() - started < 1500);
  assert.deepEqual(engine.errors, []);
});

test("DockerServer: garbage behind a request whose answer is a stream does not end up in that stream", async () => {
  await using engine = await openFakeEngine();
  const client = openRaw(engine.socket);
  client.socket.write("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.seen("200 OK");
  client.socket.write("\x00garbage\r\n\r\n");
  assert.doesNotMatch(await client.closed, /400 Bad Request/);
});
