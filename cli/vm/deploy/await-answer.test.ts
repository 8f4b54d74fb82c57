import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { awaitAnswer } from "./await-answer.ts";

async function withServer<T>(take: (socket: Socket) => void, work: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    take(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

const ask = (port: number) => awaitAnswer("127.0.0.1", port, AbortSignal.timeout(20_000));

test("awaitAnswer: HTTP answers with its status, also in pieces and also with a failure", async () => {
  const take = (socket: Socket) => {
    socket.write("HTTP/1.");
    socket.once("data", () => socket.end("1 503 Service Unavailable\r\n\r\n"));
  };
  assert.deepEqual(await withServer(take, ask), { status: 503 });
});

test("awaitAnswer: who speaks first, or says nothing and stays, answers too", async () => {
  assert.deepEqual(await withServer((socket) => socket.write("SSH-2.0-x\r\n"), ask), {});
  assert.deepEqual(await withServer(() => {}, ask), {});
});

test("awaitAnswer: a port that drops connections is asked again until somebody is behind it", async () => {
  let asked = 0;
  const take = (socket: Socket) => {
    asked++;
    if (asked < 3) socket.destroy();
    else socket.end("HTTP/1.0 200 OK\r\n\r\n");
  };
  assert.deepEqual(await withServer(take, ask), { status: 200 });
  assert.equal(asked, 3);
});

test("awaitAnswer: ends with its signal", async () => {
  const signal = AbortSignal.timeout(100);
  await assert.rejects(
    withServer(
      (socket) => socket.destroy(),
      (port) => awaitAnswer("127.0.0.1", port, signal),
    ),
    { name: "TimeoutError" },
  );
});
