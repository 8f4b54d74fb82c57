import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { dockerClient } from "./docker-client.ts";
import type { Transport, TransportRequest } from "./transport.ts";

/** Answers every request in the same way and remembers what was asked. */
function answering(status: number, text: string): Transport & { readonly asked: TransportRequest[] } {
  const asked: TransportRequest[] = [];
  return {
    asked,
    async send(request) {
      asked.push(request);
      const bytes = new TextEncoder().encode(text);
      const body = (async function* () {
        for (const byte of bytes) yield Uint8Array.of(byte);
      })();
      return { status, body };
    },
    async hijack(request, signal) {
      return await this.send(request, signal);
    },
  };
}

test("dockerClient: an answer in pieces is put together, letters of several bytes too", async (t) => {
  const client = dockerClient(answering(200, JSON.stringify({ Version: "1 – é", ApiVersion: "1.51" })));
  assert.equal((await client.version(t.signal)).Version, "1 – é");
});

test("dockerClient: a failure has the kind of its status and the engine's words", async (t) => {
  const kinds = { 400: "invalid", 404: "not-found", 409: "conflict", 500: "internal", 503: "unavailable" };
  for (const [status, kind] of Object.entries(kinds)) {
    const client = dockerClient(answering(Number(status), JSON.stringify({ message: "so it is" })));
    await assert.rejects(
      client.info(t.signal),
      (error) => isFault(error) && error.kind === kind && error.message === "so it is",
    );
  }
});

test("dockerClient: a failure without words names the request", async (t) => {
  await assert.rejects(dockerClient(answering(502, "<html>")).info(t.signal), {
    message: "GET /info: status 502",
  });
});

test("dockerClient.loadImage: gives what was said, and throws an error in the stream", async (t) => {
  const archive = (async function* () {
    yield Uint8Array.of(1);
  })();
  const good = dockerClient(answering(200, '{"stream":"Loaded image: x:1\\n"}\n'));
  assert.deepEqual(await good.loadImage(archive, t.signal), ["Loaded image: x:1"]);
  const bad = dockerClient(answering(200, '{"stream":"a"}\n{"error":"unexpected EOF"}\n'));
  await assert.rejects(bad.loadImage(archive, t.signal), { message: "unexpected EOF" });
});

test("dockerClient: names are escaped in paths", async (t) => {
  const transport = answering(204, "");
  await dockerClient(transport).stopContainer("a/b?c", { timeoutS: 3 }, t.signal);
  assert.deepEqual(transport.asked, [{ method: "POST", path: "/v1.51/containers/a%2Fb%3Fc/stop?t=3" }]);
});
