import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test, type TestContext } from "node:test";
import { bytesMessage } from "#api/buildkit/session.ts";
import { Fault, isFault } from "#base/fault.ts";
import { duplexConnection } from "./duplex-connection.ts";
import { FrameLink } from "./frame-link.ts";
import { type Methods, unary } from "./methods.ts";
import { FrameInput, frameBytes, kinds } from "./link-frames.ts";
import { RpcError } from "./status.ts";

function pair(t: TestContext, ours: Methods, theirs: Methods) {
  const [a, b] = duplexPair();
  const opener = new FrameLink(duplexConnection(a), { methods: ours, isOpener: true, name: "the link" });
  const other = new FrameLink(duplexConnection(b), { methods: theirs, isOpener: false, name: "the link" });
  const running = [opener.run(t.signal), other.run(t.signal)];
  t.after(async () => {
    opener.destroy();
    await Promise.all(running);
  });
  return { opener, other, raw: a };
}

const echo: Methods = new Map([
  ["/test.Echo/Once", unary(bytesMessage, bytesMessage, ({ data }) => ({ data }))],
]);

async function ask(link: FrameLink, text: string, signal: AbortSignal): Promise<string> {
  const codecs = [bytesMessage, bytesMessage] as const;
  const { data } = await link.unary("/test.Echo/Once", codecs, { data: Buffer.from(text) }, signal);
  return Buffer.from(data).toString();
}

test("FrameLink: both sides call each other on one connection, many at a time", async (t) => {
  const { opener, other } = pair(t, echo, echo);
  const asked = Array.from({ length: 40 }, (_, at) => ask(at % 2 === 0 ? opener : other, `${at}`, t.signal));
  assert.deepEqual(
    await Promise.all(asked),
    Array.from({ length: 40 }, (_, at) => `${at}`),
  );
});

test("FrameLink: a failure comes with its kind, its whole text and its details", async (t) => {
  const details = [{ typeUrl: "x", value: Buffer.from("y") }];
  const failing: Methods = new Map([
    [
      "/test.Echo/Once",
      unary(bytesMessage, bytesMessage, ({ data }) => {
        if (data.length === 0) throw new Fault("not-found", "no bytes — none");
        throw new RpcError({ code: 3, message: "w".repeat(10_000), details });
      }),
    ],
  ]);
  const { opener } = pair(t, new Map(), failing);
  await assert.rejects(
    ask(opener, "", t.signal),
    (error) => isFault(error, "not-found") && error.message === "no bytes — none",
  );
  await assert.rejects(ask(opener, "x", t.signal), ({ cause }) => {
    assert.ok(cause instanceof RpcError);
    assert.equal(cause.status.message.length, 10_000);
    assert.equal(Buffer.from(cause.status.details[0]?.value ?? []).toString(), "y");
    return true;
  });
  const unknown = opener.unary("/a.B/C", [bytesMessage, bytesMessage], {}, t.signal);
  await assert.rejects(unknown, (error) => isFault(error, "not-implemented"));
});

test("FrameLink: who does not read is not sent more than the window, and the rest comes when they do", async (t) => {
  const count = 64;
  let sent = 0;
  const source: Methods = new Map([
    [
      "/test.Source/All",
      async (call) => {
        for (; sent < count; sent++)
          await call.send(bytesMessage.encode({ data: Buffer.alloc(256 << 10, sent) }));
      },
    ],
  ]);
  const { opener } = pair(t, new Map(), new Map([...source, ...echo]));
  using call = opener.open("/test.Source/All", {}, t.signal);
  call.finish();
  // Other calls go on meanwhile.
  for (let round = 0; round < 20; round++) assert.equal(await ask(opener, "there?", t.signal), "there?");
  assert.ok(sent < 20, `${sent} messages of 256 KB are on their way`);
  let next = 0;
  for await (const message of call.messages()) assert.equal(bytesMessage.decode(message).data[9], next++);
  assert.equal(next, count);
});

test("FrameLink: all who wait for room to send on one call get it", async (t) => {
  const source: Methods = new Map([
    [
      "/test.Source/Together",
      async (call) => {
        const message = bytesMessage.encode({ data: Buffer.alloc(3 << 20) });
        await Promise.all(Array.from({ length: 6 }, () => call.send(message)));
      },
    ],
  ]);
  const { opener } = pair(t, new Map(), source);
  using call = opener.open(
    "/test.Source/Together",
    {},
    AbortSignal.any([t.signal, AbortSignal.timeout(10_000)]),
  );
  call.finish();
  let count = 0;
  for await (const _ of call.messages()) count++;
  assert.equal(count, 6);
});

test("FrameLink: giving up aborts the call at the other side, and the end of the connection all of them", async (t) => {
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const aborted = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  const waiting: Methods = new Map([
    [
      "/test.Wait/Long",
      async ({ signal }) => {
        const at = calls++;
        signal.addEventListener("abort", () => aborted[at]?.resolve());
        begun[at]?.resolve();
        await aborted[at]?.promise;
      },
    ],
  ]);
  const { opener, other } = pair(t, new Map(), waiting);
  const stop = new AbortController();
  const first = opener.unary("/test.Wait/Long", [bytesMessage, bytesMessage], {}, stop.signal);
  await begun[0]?.promise;
  stop.abort(new Error("enough"));
  await assert.rejects(first, /enough/);
  await aborted[0]?.promise;
  const second = opener.unary("/test.Wait/Long", [bytesMessage, bytesMessage], {}, t.signal);
  await begun[1]?.promise;
  other.destroy();
  await aborted[1]?.promise;
  await assert.rejects(
    second,
    (error) => isFault(error, "unavailable") && error.message === "the link is over",
  );
  assert.throws(() => opener.open("/test.Wait/Long", {}, t.signal), /the link is over/);
});

test("FrameLink: what breaks the rules ends the connection, and nothing else", async (t) => {
  const frames = [
    { id: 2, kind: kinds.open, payload: Buffer.from('{"path":"/test.Echo/Once","metadata":{}}') },
    { id: 1, kind: kinds.open, payload: Buffer.from('{"path":7}') },
    { id: 1, kind: kinds.open, payload: Buffer.from("null") },
  ];
  for (const frame of frames) {
    const { other, raw } = pair(t, new Map(), echo);
    for (const bytes of frameBytes(frame)) raw.write(bytes);
    await other.closed();
    assert.ok(other.isClosed);
  }
  const { other, raw } = pair(t, new Map(), echo);
  raw.write(Buffer.from("ffffffff0000000101", "hex"));
  await other.closed();
});

test("FrameLink: what nobody takes is bounded over all calls together", async (t) => {
  const deaf: Methods = new Map([
    [
      "/test.Deaf/Sink",
      ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    ],
  ]);
  const { opener } = pair(t, new Map(), deaf);
  const message = bytesMessage.encode({ data: Buffer.alloc(1 << 20) });
  const calls = Array.from({ length: 40 }, () => opener.open("/test.Deaf/Sink", {}, t.signal));
  const sending = calls.map(async (call) => {
    for (let count = 0; count < 3; count++) await call.send(message);
  });
  await opener.closed();
  await Promise.allSettled(sending);
});

test("FrameInput: frames come out whole however the bytes are cut", () => {
  const frames = [0, 1, 4096, 4097, 70_000].map((size, at) => ({
    id: at,
    kind: kinds.message,
    payload: Buffer.alloc(size, at),
  }));
  const bytes = Buffer.concat(frames.flatMap(frameBytes));
  for (const step of [1, 7, 4096, bytes.length]) {
    const input = new FrameInput(1 << 20);
    const found = [];
    for (let at = 0; at < bytes.length; at += step)
      for (const { id, kind, payload } of input.push(bytes.subarray(at, at + step)))
        found.push({ id, kind, payload: Buffer.from(payload) });
    assert.deepEqual(found, frames);
  }
});
