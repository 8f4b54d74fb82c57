import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { type FakeEngine, openFakeEngine } from "./fake-engine.ts";
import { dockerRoutes } from "./routes.ts";
import { ask, createContainer, openRaw } from "./test-client.ts";

const STREAM_LIMIT_MS = 60;

/** Status of one request; streams that do not end are left by the client. */
function send(
  agent: Agent,
  socketPath: string,
  { method, path, body, headers }: Attempt,
): Promise<{ readonly status: number; readonly url: string }> {
  const url = `${method} ${path} ${body}`;
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, agent, method, path, headers }, (response) => {
      const status = response.statusCode ?? 0;
      const timer = setTimeout(() => response.destroy(), STREAM_LIMIT_MS);
      response.resume();
      response.on("close", () => {
        clearTimeout(timer);
        resolve({ status, url });
      });
    });
    outgoing.on("upgrade", (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, url });
    });
    outgoing.on("error", () => resolve({ status: 0, url }));
    outgoing.setTimeout(1000, () => outgoing.destroy());
    outgoing.end(body);
  });
}

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Requests for real routes with names, parameters, bodies and headers that are right about half of the time. */
function attempts(engine: FakeEngine, ids: readonly string[]): fc.Arbitrary<Attempt> {
  const routes = dockerRoutes(engine.deps);
  const name = fc.oneof(
    fc.constantFrom(...ids, "one", "bb", "bridge", "nope"),
    fc.string({ maxLength: 6 }),
    fc.constantFrom("..", "%00", "%2e%2e%2f", "a/b", "%zz", "__proto__", "x".repeat(3000)),
  );
  const value = fc.oneof(
    fc.constantFrom("1", "0", "true", "x", "-1", "9".repeat(30), "all", "/tmp", "next-exit", "%00", "-"),
    fc.constantFrom(
      '{"name":["("]}',
      '{"label":{"a":true}}',
      "[]",
      '{"until":["1h"]}',
      "{",
      '{"status":["exited"]}',
    ),
    fc.string({ maxLength: 5 }),
  );
  const parameter = fc.constantFrom(
    ..."all limit size filters name platform stdin stdout stderr stream logs follow since until tail condition signal t h w".split(
      " ",
    ),
    ..."force v link path ps_args one-shot detachKeys fromImage fromSrc repo tag names type verbose digests manifests".split(
      " ",
    ),
  );
  const body = fc.oneof(
    fc.constantFrom(
      "",
      "{}",
      "[]",
      "null",
      "{",
      '{"Image":"bb","Cmd":["echo"]}',
      '{"Cmd":["cat"],"AttachStdin":true}',
    ),
    fc.json({ maxDepth: 2 }),
    fc
      .dictionary(
        fc.constantFrom(
          "Image",
          "Cmd",
          "Env",
          "HostConfig",
          "Name",
          "Container",
          "Labels",
          "Detach",
          "ExposedPorts",
        ),
        fc.jsonValue({ maxDepth: 2 }),
      )
      .map((object) => JSON.stringify(object)),
  );
  const headers = fc.record(
    {
      "Content-Type": fc.constantFrom(
        "application/json",
        "application/x-tar",
        "text/plain",
        "application/json; charset=utf-8",
      ),
      Upgrade: fc.constantFrom("tcp", "h2c", "websocket"),
      Connection: fc.constantFrom("Upgrade", "keep-alive"),
      "X-Registry-Auth": fc.constantFrom("e30=", "!!"),
      "Sec-WebSocket-Key": fc.constantFrom("x", ""),
    },
    { requiredKeys: [] },
  );
  return fc
    .record({
      route: fc.constantFrom(...routes),
      version: fc.constantFrom("", "", "/v1.24", "/v1.41", "/v1.51", "/v1.56", "/v1.57", "/v9", "/v1.x"),
      name,
      query: fc.array(fc.tuple(parameter, value), { maxLength: 4 }),
      body,
      headers,
    })
    .map(({ route, version, name: part, query, body: text, headers: given }) => ({
      method: route.method,
      path: `${version}${route.path.replace(/\{\w+\}/, () => safe(part))}?${query.map(([key, text]) => `${key}=${encodeURIComponent(text)}`).join("&")}`,
      body: route.method === "GET" || route.method === "HEAD" ? "" : text,
      headers: given,
    }));
}

/** Node's own client refuses some characters in paths; what it lets through is hostile enough. */
function safe(part: string): string {
  return part.replace(/[^\x21-\x7e]|[?#]/g, (character) =>
    encodeURIComponent(character === "?" ? "!" : character),
  );
}

test("no request makes the server fail: thousands of near-right ones, and no 5xx for a client's fault", async () => {
  await using engine = await openFakeEngine();
  const ids = [await createContainer(engine.socket, { Cmd: ["sleep"] }, "one")];
  await ask(engine.socket, "POST", "/containers/one/start");
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(attempts(engine, ids), { minLength: 40, maxLength: 60 }), async (batch) => {
      for (const { status, url } of await Promise.all(
        batch.map((attempt) => send(agent, engine.socket, attempt)),
      )) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        assert.ok(status < 500 || status === 501 || status === 503, `${status} for ${url}`);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
  agent.destroy();
  assert.deepEqual(engine.errors, []);
  const total = [...statuses.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(total > 2000, `only ${total} requests`);
  for (const status of [200, 400, 404]) assert.ok(statuses.has(status), `no ${status} among the answers`);
  assert.equal((await ask(engine.socket, "GET", "/_ping")).status, 200);
});

test("no bytes make the server fail: random ones, and requests cut anywhere", async () => {
  await using engine = await openFakeEngine();
  const id = await createContainer(engine.socket, { Cmd: ["cat"], OpenStdin: true }, "one");
  await ask(engine.socket, "POST", `/containers/${id}/start`);
  const whole = [
    `POST /containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\ninput`,
    `POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\nPUT garbage`,
    `POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{"Image":"bb"}\r\n\r\n0\r\n\r\n`,
    `PUT /containers/one/archive?path=/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n\x1f\x8b\x08garbage`,
    `POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nhalf`,
    `GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(20),
  ].map((text) => Buffer.from(text, "latin1"));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    fc
      .tuple(fc.constantFrom(...whole), fc.nat())
      .map(([text, cut]) => text.subarray(0, cut % (text.length + 1))),
    fc
      .tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(255))
      .map(([text, at, byte]) => Buffer.from(text).fill(byte, at % text.length, (at % text.length) + 1)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { minLength: 8, maxLength: 12 }), async (batch) => {
      await Promise.all(
        batch.map(async (data) => {
          const client = openRaw(engine.socket);
          client.socket.end(data);
          const timer = setTimeout(() => client.socket.destroy(), STREAM_LIMIT_MS);
          await client.closed;
          clearTimeout(timer);
        }),
      );
    }),
    { numRuns: 50, endOnFailure: true },
  );
  assert.deepEqual(engine.errors, []);
  assert.equal((await ask(engine.socket, "GET", "/_ping")).status, 200);
});
