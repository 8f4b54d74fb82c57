import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { openFakeEngine } from "./fake-engine.ts";
import { attempts, send } from "./hostile-requests.fixture.ts";
import { dockerRoutes } from "./routes.ts";
import { ask, createContainer, openRaw } from "./test-client.ts";

const STREAM_LIMIT_MS = 60;

test("no request makes the server fail: thousands of near-right ones, and no 5xx for a client's fault", async () => {
  await using engine = await openFakeEngine();
  const ids = [await createContainer(engine.socket, { Cmd: ["sleep"] }, "one")];
  await ask(engine.socket, "POST", "/containers/one/start");
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(attempts(dockerRoutes(engine.deps), ids), { minLength: 40, maxLength: 60 }),
      async (batch) => {
        for (const { status, url } of await Promise.all(
          batch.map((attempt) => send(agent, engine.socket, attempt)),
        )) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          assert.ok(status < 500 || status === 501 || status === 503, `${status} for ${url}`);
        }
      },
    ),
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
