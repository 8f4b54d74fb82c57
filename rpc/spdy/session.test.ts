import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { duplexPair } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { createDeflate, constants } from "node:zlib";
import fc from "fast-check";
import { headerDictionary } from "./dictionary.ts";
import { controlFrame, frameType, numbers } from "./frames.ts";
import { HeaderReader, HeaderWriter } from "./headers.ts";
import { SpdySession } from "./session.ts";
import type { SpdyStream } from "./stream.ts";

function pair(onStream: (stream: SpdyStream) => void) {
  const [one, other] = duplexPair();
  const server = new SpdySession(one, "server", onStream);
  const client = new SpdySession(other, "client", () => {});
  return { server, client };
}

test("HeaderReader: what a HeaderWriter wrote comes back, block after block", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string())),
      async (blocks) => {
        using reader = new HeaderReader();
        const writer = new HeaderWriter();
        for (const block of blocks)
          assert.deepEqual({ ...(await reader.read(writer.write(block))) }, { ...block });
      },
    ),
    { numRuns: 30 },
  );
});

test("HeaderReader: blocks that zlib compressed with one state are read", async () => {
  using reader = new HeaderReader();
  const deflate = createDeflate({ dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH });
  const plain = new HeaderWriter().write({ streamtype: "error", port: "80" }).subarray(11, -5);
  for (let round = 0; round < 3; round++) {
    deflate.write(plain);
    const block = await new Promise<Buffer>((resolve) => deflate.once("data", resolve));
    assert.deepEqual({ ...(await reader.read(block)) }, { streamtype: "error", port: "80" });
  }
});

test("HeaderReader: rubbish is refused", async () => {
  using reader = new HeaderReader();
  await assert.rejects(reader.read(Buffer.from("no zlib stream at all")), { kind: "invalid" });
});

test("SpdySession: streams carry bytes both ways, and either half ends by itself", async () => {
  const { client } = pair((stream) => {
    stream.reply();
    stream.pipe(stream);
  });
  const sent = randomBytes(1_000_000);
  const streams = await Promise.all(
    ["1", "2", "3"].map((number) => client.openStream({ streamtype: "data", number })),
  );
  for (const stream of streams) stream.end(sent);
  for (const stream of streams) assert.ok((await buffer(stream)).equals(sent));
  client.leave();
  await client.ended;
});

test("SpdySession: a stream that is refused or given up ends on the other side", async () => {
  const given = Promise.withResolvers<SpdyStream>();
  const { client } = pair((stream) => {
    if (stream.headers["refuse"] === "1") return void stream.destroy();
    stream.reply();
    given.resolve(stream);
  });
  await assert.rejects(client.openStream({ refuse: "1" }), { kind: "unavailable" });
  const stream = await client.openStream({});
  const other = await given.promise;
  const closed = new Promise((resolve) => other.once("close", resolve));
  other.resume();
  stream.destroy();
  await closed;
  client[Symbol.dispose]();
});

test("SpdySession: the end of the connection ends every stream", async () => {
  const given = Promise.withResolvers<SpdyStream>();
  const { client, server } = pair((stream) => {
    stream.reply();
    given.resolve(stream);
  });
  const stream = await client.openStream({});
  const other = await given.promise;
  const read = text(other).catch(() => "gone");
  stream.resume();
  client[Symbol.dispose]();
  await Promise.all([client.ended, server.ended]);
  assert.ok(["", "gone"].includes(await read));
});

test("SpdySession: pings are answered, and frames that nobody knows are skipped", async () => {
  const [one, other] = duplexPair();
  using _server = new SpdySession(one, "server", () => {});
  const answer = new Promise<Buffer>((resolve) => other.once("data", resolve));
  other.write(controlFrame(frameType.settings, 0, numbers(0)));
  other.write(controlFrame(99, 0, Buffer.from("what is this?")));
  const ping = controlFrame(frameType.ping, 0, numbers(7));
  other.write(ping);
  assert.deepEqual(await answer, ping);
});

test("SpdySession: any bytes end the connection and nothing else", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      const [one, other] = duplexPair();
      const server = new SpdySession(one, "server", (stream) => stream.reply());
      other.on("error", () => {});
      other.resume();
      other.end(Buffer.from(bytes));
      await server.ended;
    }),
    { numRuns: 100 },
  );
});
