import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { http1Transport } from "./http1.ts";
import { demultiplex, readText } from "./streams.ts";
import type { Connection } from "./transport.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A connection that answers with `pieces` whatever is sent, and remembers what was. */
function scripted(pieces: readonly Uint8Array[]) {
  const log = { sent: "", isClosed: false, isHalfClosed: false };
  const connection: Connection = {
    incoming: (async function* () {
      yield* pieces;
    })(),
    async write(bytes) {
      log.sent += new TextDecoder().decode(bytes);
    },
    closeWrite() {
      log.isHalfClosed = true;
    },
    close() {
      log.isClosed = true;
    },
  };
  return { transport: http1Transport(async () => connection), log };
}

const answer = (text: string) => [...bytesOf(text)].map((byte) => Uint8Array.of(byte));
const get = { method: "GET", path: "/x" } as const;

test("http1Transport: reads bodies of every form, byte by byte", async (t) => {
  const forms = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nContent-Type: a/b\n\nhello",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  ];
  for (const form of forms) {
    const { transport, log } = scripted(answer(form));
    const { status, body } = await transport.send(get, t.signal);
    assert.equal(status, 200);
    assert.equal(await readText(body), "hello");
    assert.ok(log.isClosed);
  }
});

test("http1Transport: an answer that is cut is told apart from one that ends", async (t) => {
  const cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
  const { body } = await scripted(answer(cut)).transport.send(get, t.signal);
  await assert.rejects(readText(body), (error) => isFault(error, "unavailable"));
  await assert.rejects(scripted([]).transport.send(get, t.signal), (error) => isFault(error, "unavailable"));
});

test("http1Transport: sends streams in chunks", async (t) => {
  const { transport, log } = scripted(answer("HTTP/1.1 204 No Content\r\n\r\n"));
  const bytes = (async function* () {
    yield bytesOf("abc");
  })();
  await transport.send({ method: "POST", path: "/x", body: { type: "a/b", bytes } }, t.signal);
  assert.match(log.sent, /^POST \/x HTTP\/1\.1\r\nHost: docker\r\n/);
  assert.ok(log.sent.endsWith("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
});

test("http1Transport: what would break out of its line is not sent", async (t) => {
  for (const [path, name, value] of [
    ["/x", "X-Remote-User", "eve\r\nX-Remote-Group: system:masters"],
    ["/x", "X-Remote-User: a\r\nX-Remote-Group", "system:masters"],
    ["/x", "X-Remote-User", "eve\n"],
    ["/x HTTP/1.1\r\nX-Remote-User: a", "X-A", "b"],
  ] as const) {
    const { transport, log } = scripted(answer("HTTP/1.1 204 No Content\r\n\r\n"));
    const request = { method: "GET", path, headers: { [name]: value } } as const;
    await assert.rejects(transport.send(request, t.signal), (error) => isFault(error, "invalid"));
    assert.equal(log.sent, "");
  }
});

test("http1Transport: sends a stream of known length as it is", async (t) => {
  const { transport, log } = scripted(answer("HTTP/1.1 204 No Content\r\n\r\n"));
  const bytes = (async function* () {
    yield bytesOf("ab");
    yield bytesOf("c");
  })();
  await transport.send({ method: "PUT", path: "/x", body: { type: "a/b", bytes, length: 3 } }, t.signal);
  assert.match(log.sent, /\r\nContent-Length: 3\r\n/);
  assert.ok(log.sent.endsWith("\r\n\r\nabc"));
});

test("http1Transport.hijack: hands the connection over, with what came behind the head", async (t) => {
  const { transport, log } = scripted(answer("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw"));
  const taken = await transport.hijack({ method: "POST", path: "/x" }, t.signal);
  assert.ok(taken.kind === "hijacked");
  taken.closeWrite();
  assert.equal(await readText(taken.incoming), "raw");
  assert.ok(log.isHalfClosed && log.isClosed);
});

test("http1Transport.hijack: a refusal is an answer", async (t) => {
  const { transport } = scripted(answer("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}"));
  const refused = await transport.hijack({ method: "POST", path: "/x" }, t.signal);
  assert.ok(refused.kind === "answer" && refused.status === 409);
});

test("demultiplex: takes streams apart wherever the bytes are cut", async () => {
  const frame = (stream: number, text: string) => [stream, 0, 0, 0, 0, 0, 0, text.length, ...bytesOf(text)];
  const bytes = [...frame(1, "out"), ...frame(2, "err"), ...frame(1, "")];
  const pieces = (async function* () {
    for (const byte of bytes) yield Uint8Array.of(byte);
  })();
  const said = { stdout: "", stderr: "" };
  for await (const piece of demultiplex(pieces)) said[piece.stream] += new TextDecoder().decode(piece.bytes);
  assert.deepEqual(said, { stdout: "out", stderr: "err" });
});
