import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createSecureServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { readText } from "#client/streams.ts";
import { httpsTransport } from "./https-transport.ts";

interface Server extends Disposable {
  readonly port: number;
  readonly ca: string;
  readonly http: Http2Server;
  /** Sessions that there have been. */
  readonly sessions: { destroy(): void }[];
}

async function open(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "https-transport-"));
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    join(folder, "key"),
  ];
  execFileSync("openssl", ["req", "-x509", ...key, "-out", join(folder, "cert"), "-days", "1", ...subject], {
    stdio: "ignore",
  });
  const cert = readFileSync(join(folder, "cert"), "utf8");
  const http = createSecureServer({ cert, key: readFileSync(join(folder, "key")) });
  rmSync(folder, { recursive: true });
  const sessions: { destroy(): void }[] = [];
  http.on("session", (session) => sessions.push(session));
  http.on("request", (request, response) => {
    if (request.url === "/never") return;
    response.writeHead(request.method === "POST" ? 201 : 200, { "x-path": request.url });
    request.pipe(response);
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    port: (http.address() as AddressInfo).port,
    ca: cert,
    http,
    sessions,
    [Symbol.dispose]() {
      for (const session of sessions) session.destroy();
      http.close();
    },
  };
}

const post = (text: string) =>
  ({
    method: "POST",
    path: "/echo",
    body: { type: "text/plain", bytes: new TextEncoder().encode(text) },
  }) as const;

test("httpsTransport: many requests share a connection, and a broken one is made again", async (t) => {
  using server = await open();
  await using transport = httpsTransport({ host: "127.0.0.1", port: server.port, ca: server.ca });
  const texts = await Promise.all(
    ["a", "b", "c"].map(async (text) => {
      const answer = await transport.send(post(text), t.signal);
      assert.equal(answer.status, 201);
      assert.equal(answer.headers?.["x-path"], "/echo");
      return await readText(answer.body);
    }),
  );
  assert.deepEqual(texts, ["a", "b", "c"]);
  assert.equal(server.sessions.length, 1);
  const pending = transport.send({ method: "GET", path: "/never" }, t.signal);
  pending.catch(() => {});
  server.sessions[0]?.destroy();
  await assert.rejects(pending, (error) => isFault(error, "unavailable"));
  assert.equal(await readText((await transport.send(post("d"), t.signal)).body), "d");
  assert.equal(server.sessions.length, 2);
});

test("httpsTransport: an abort ends a request that nobody answers", async () => {
  using server = await open();
  await using transport = httpsTransport({ host: "127.0.0.1", port: server.port, ca: server.ca });
  const stop = new AbortController();
  const pending = transport.send({ method: "GET", path: "/never" }, stop.signal);
  await new Promise((resolve) => server.http.once("request", resolve));
  stop.abort();
  await assert.rejects(pending, { name: "AbortError" });
});

test("httpsTransport: a server that nobody vouches for is refused", async (t) => {
  using server = await open();
  await using transport = httpsTransport({ host: "127.0.0.1", port: server.port });
  await assert.rejects(transport.send({ method: "GET", path: "/" }, t.signal), (error) =>
    isFault(error, "unavailable"),
  );
});

test("httpsTransport: what a connection has no room for goes on another one, which goes when nobody is on it", async (t) => {
  using server = await open();
  server.http.updateSettings({ maxConcurrentStreams: 2 });
  await using transport = httpsTransport({ host: "127.0.0.1", port: server.port, ca: server.ca });
  await readText((await transport.send(post("first"), t.signal)).body);
  const stop = new AbortController();
  const never = Array.from({ length: 4 }, () =>
    transport.send({ method: "GET", path: "/never" }, stop.signal).catch(() => undefined),
  );
  const answer = await transport.send(post("more"), t.signal);
  assert.equal(await readText(answer.body), "more");
  assert.equal(server.sessions.length, 3);
  const gone = server.sessions.slice(1).map((session) => once(session as never, "close"));
  stop.abort();
  await Promise.all([...never, ...gone]);
  assert.equal(await readText((await transport.send(post("last"), t.signal)).body), "last");
});
