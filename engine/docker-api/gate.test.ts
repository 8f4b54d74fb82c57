import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { AnswerFacts, Authorization, RequestFacts } from "#engine/authorization/authorization.ts";
import { openFakeEngine } from "./fake-engine.ts";
import { ask, createContainer, messageIn, openRaw } from "./test-client.ts";

/** Notes everything and allows it, unless told otherwise. */
class Watcher implements Authorization {
  readonly names = ["watcher"];
  readonly requests: RequestFacts[] = [];
  readonly answers: AnswerFacts[] = [];
  deniesRequest: (request: RequestFacts) => boolean = () => false;
  deniesAnswer: (request: RequestFacts, answer: AnswerFacts) => boolean = () => false;

  async allowRequest(request: RequestFacts): Promise<void> {
    this.requests.push(request);
    if (this.deniesRequest(request))
      throw new Fault("forbidden", "authorization denied by plugin watcher: no");
  }

  async allowAnswer(request: RequestFacts, answer: AnswerFacts): Promise<void> {
    this.answers.push(answer);
    if (this.deniesAnswer(request, answer))
      throw new Fault("forbidden", "authorization denied by plugin watcher: no");
  }

  get bodies(): readonly (string | undefined)[] {
    return this.requests.map(({ body }) => body?.toString());
  }
}

const create = "/containers/create";
const makes = { Image: "bb", Cmd: ["x"] };
const body = JSON.stringify(makes);

test("passGate: plugins see method, path as sent, headers without secrets, body, and the answer", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  const headers = { "x-registry-auth": "secret", Authorization: "secret", "x-two": "a" };
  const reply = await ask(engine.socket, "POST", `/v1.51${create}?name=a%62c`, { body: makes, headers });
  assert.equal(reply.status, 201);
  const [request] = watcher.requests;
  assert.equal(request?.requestUri, `/v1.51${create}?name=a%62c`);
  assert.equal(request.requestMethod, "POST");
  assert.equal(request.body?.toString(), body);
  assert.equal(request.headers["X-Two"], "a");
  assert.equal(request.headers["Content-Type"], "application/json");
  assert.doesNotMatch(JSON.stringify(request.headers), /secret/);
  const [answer] = watcher.answers;
  assert.equal(answer?.status, 201);
  assert.equal(answer.body?.toString(), reply.text);
  assert.equal(answer.headers["Api-Version"], "1.51");
});

test("passGate: what a plugin denies is not done; what it denies to show is not shown", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  watcher.deniesRequest = ({ body }) => body?.includes("Privileged") ?? false;
  const denied = await ask(engine.socket, "POST", create, {
    body: { ...makes, HostConfig: { Privileged: true } },
  });
  assert.equal(denied.status, 403);
  assert.equal(messageIn(denied), "authorization denied by plugin watcher: no");
  assert.equal(engine.containers.list().length, 0);
  await createContainer(engine.socket, makes, "one");
  watcher.deniesAnswer = ({ requestUri }) => requestUri !== "/_ping";
  for (const path of [
    "/containers/one/json",
    "/containers/nope/json",
    "/events",
    "/containers/one/logs?stdout=1",
  ]) {
    const reply = await ask(engine.socket, "GET", path);
    assert.equal(reply.status, 403, path);
    assert.doesNotMatch(reply.text, /one|nope/);
  }
});

test("passGate: the body that a plugin sees is the one that is executed, however it comes", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  const send = async (head: string, rest: string) => {
    const raw = openRaw(engine.socket);
    raw.socket.write(`POST ${create} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n${rest}`);
    return await raw.closed;
  };
  const chunked = `7\r\n${body.slice(0, 7)}\r\n${(body.length - 7).toString(16)}\r\n${body.slice(7)}\r\n0\r\n\r\n`;
  const json = "Content-Type: application/json";
  assert.match(await send(`${json}\r\nTransfer-Encoding: chunked`, chunked), /201 Created/);
  assert.match(await send("Transfer-Encoding: chunked", chunked), /201 Created/); // without a type
  assert.match(
    await send(`Content-Type: APPLICATION/json ; x=y\r\nContent-Length: ${body.length}`, body),
    /201 Created/,
  );
  assert.deepEqual(watcher.bodies, [body, body, body]);
  // A body behind a length of nothing is no body, for the plugin and for the engine.
  assert.doesNotMatch(await send(`${json}\r\nContent-Length: 0`, body), /201 Created/);
  assert.equal(watcher.bodies[3], undefined);
  for (const lie of [
    `Content-Length: ${body.length}\r\nTransfer-Encoding: chunked`,
    `Content-Length: ${body.length}\r\nContent-Length: 0`,
  ])
    assert.doesNotMatch(await send(`${json}\r\n${lie}`, body), /201 Created/);
  assert.equal(engine.containers.list().length, 3);
});

test("passGate: a body over 4 MiB is refused, and never shown without it; one of 4 MiB is shown", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  const padded = (bytes: number) => body.padEnd(bytes);
  const limit = 4 * 1024 * 1024;
  for (const headers of [{}, { "Transfer-Encoding": "chunked" }, { "Content-Type": "" }]) {
    const reply = await ask(engine.socket, "POST", create, { body: padded(limit + 1), headers });
    assert.equal(reply.status, 500);
    assert.equal(
      messageIn(reply),
      "request body too large for authorization plugin: size exceeds 4194304 bytes",
    );
  }
  assert.equal(watcher.requests.length, 0);
  assert.equal((await ask(engine.socket, "POST", create, { body: padded(limit) })).status, 201);
  assert.equal(watcher.requests[0]?.body?.length, limit);
});

test("passGate: archives stream past, passwords are not shown, upgrades are asked about", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  const archive = { body: Buffer.alloc(5 * 1024 * 1024), headers: { "Content-Type": "application/x-tar" } };
  assert.equal((await ask(engine.socket, "POST", "/images/load", archive)).status, 200);
  await ask(engine.socket, "POST", "/auth", { body: { username: "a", password: "b" } });
  assert.deepEqual(watcher.bodies, [undefined, undefined]);
  await createContainer(engine.socket, makes, "one");
  watcher.deniesRequest = () => true;
  const raw = openRaw(engine.socket);
  raw.socket.write(
    "POST /containers/one/attach?stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  );
  const answer = await raw.closed;
  assert.match(answer, /403/);
  assert.match(answer, /authorization denied by plugin watcher/);
});

test("passGate: an exec's start is shown with its body, and streams as ever", async () => {
  const watcher = new Watcher();
  await using engine = await openFakeEngine({}, watcher);
  const id = await createContainer(engine.socket, { Cmd: ["cat"], OpenStdin: true }, "one");
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const made = await ask(engine.socket, "POST", `/containers/${id}/exec`, {
    body: { Cmd: ["cat"], AttachStdout: true },
  });
  const { Id } = JSON.parse(made.text) as { Id: string };
  const start = '{"Detach":false,"Tty":false}';
  const raw = openRaw(engine.socket);
  raw.socket.write(
    `POST /exec/${Id}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${start.length}\r\n\r\n${start}`,
  );
  await raw.seen("101 UPGRADED");
  raw.socket.destroy();
  assert.equal(watcher.bodies.at(-1), start);
});
