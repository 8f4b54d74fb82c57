import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { dockerClient } from "#client/docker-client.ts";
import { unixTransport } from "./unix-transport.ts";

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-transport-"));
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  return join(folder, "socket");
}

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(1 << 20);
}

test("unixTransport: streams a body without holding it", async (t) => {
  let received = 0;
  const socket = await serve(t, (request, response) => {
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on("end", () => response.end("{}"));
  });
  await dockerClient(unixTransport(socket)).loadImage(megabytes(8), t.signal);
  assert.equal(received, 8 << 20);
});

test("unixTransport: a refusal that comes before the body is read counts", async (t) => {
  const socket = await serve(t, (request, response) => {
    if (request.method === "HEAD") response.end();
    else response.writeHead(400, { Connection: "close" }).end('{"message":"not an archive"}');
  });
  await assert.rejects(dockerClient(unixTransport(socket)).loadImage(megabytes(64), t.signal), {
    message: "not an archive",
  });
});

test("unixTransport: nobody there is unavailable, and names the socket", async (t) => {
  await assert.rejects(
    dockerClient(unixTransport("/nowhere/docker.sock")).ping(t.signal),
    (error) => isFault(error, "unavailable") && error.message.includes("/nowhere/docker.sock"),
  );
});

test("unixTransport: an abort ends the waiting, for an answer and for a connection", async (t) => {
  const socket = await serve(t, () => {});
  const client = dockerClient(unixTransport(socket));
  await assert.rejects(client.ping(AbortSignal.timeout(20)), { name: "AbortError" });
  const stop = new AbortController();
  const pinging = client.ping(stop.signal);
  stop.abort();
  await assert.rejects(pinging, { name: "AbortError" });
});
