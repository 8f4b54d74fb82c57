import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress } from "#base/cidr.ts";
import { decodeMessage, encodeMessage, type Message, typeA, typePtr } from "./message.ts";

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
const name = fc.array(label, { maxLength: 6 }).map((labels) => labels.join("."));
const number16 = fc.nat(0xffff);
const question = fc.record({ name, type: number16, class: number16 });
const record = fc
  .oneof(
    fc.record({ type: fc.constant(typeA), data: fc.nat(0xffffffff).map(formatAddress) }),
    fc.record({ type: fc.constant(typePtr), data: name }),
    fc.record({
      type: fc.constant(16),
      data: fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b).toString("hex")),
    }),
  )
  .chain((data) =>
    fc.record({ name, class: number16, ttl: fc.nat(0xffffffff) }).map((rest) => ({ ...rest, ...data })),
  );
const message: fc.Arbitrary<Message> = fc
  .record({
    id: number16,
    isResponse: fc.boolean(),
    opcode: fc.nat(15),
    isAuthoritative: fc.boolean(),
    isTruncated: fc.boolean(),
    wantsRecursion: fc.boolean(),
    hasRecursion: fc.boolean(),
    rcode: fc.nat(15),
    questions: fc.array(question, { maxLength: 3 }),
    answers: fc.array(record, { maxLength: 6 }),
    edns: fc.option(fc.record({ udpSize: number16 })),
  })
  .map(({ edns, ...rest }) => (edns === null ? rest : { ...rest, edns }));

/** Names are compressed without regard to case, so a repeated one may come back in the case of the first. */
function lower(value: Message | undefined): unknown {
  return JSON.parse(JSON.stringify(value).toLowerCase());
}

test("encodeMessage: decodeMessage reads back what was written", () => {
  fc.assert(
    fc.property(message, (given) =>
      assert.deepEqual(lower(decodeMessage(encodeMessage(given))), lower(given)),
    ),
  );
});

test("encodeMessage: writes a name once and points to it afterwards", () => {
  const base = {
    id: 1,
    isResponse: true,
    opcode: 0,
    isAuthoritative: false,
    isTruncated: false,
    wantsRecursion: true,
  };
  const answers = Array.from({ length: 3 }, (_, i) => ({
    name: "web.net",
    type: typeA,
    class: 1,
    ttl: 5,
    data: `10.0.0.${i}`,
  }));
  const questions = [{ name: "web.net", type: typeA, class: 1 }];
  const bytes = encodeMessage({ ...base, hasRecursion: true, rcode: 0, questions, answers });
  assert.equal(bytes.length, 12 + 9 + 4 + 3 * (2 + 10 + 4));
});

test("decodeMessage: bytes that are no label text survive a round trip", () => {
  const bytes = Uint8Array.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0x2e, 0xff, 0x5c, 0, 0, 1, 0, 1]);
  const decoded = decodeMessage(bytes);
  assert.equal(decoded?.questions[0]?.name, "\\046\\255\\092");
  assert.deepEqual(decoded && encodeMessage(decoded), bytes);
});

test("decodeMessage: any bytes are a message or undefined, never an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => void decodeMessage(bytes)),
    { numRuns: 2000 },
  );
});

test("decodeMessage: a valid message with any bytes changed or cut off never throws", () => {
  const harm = fc.tuple(message, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }), fc.nat(400));
  fc.assert(
    fc.property(harm, ([given, changes, keep]) => {
      const bytes = encodeMessage(given);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      decodeMessage(bytes.subarray(0, keep));
    }),
    { numRuns: 1000 },
  );
});

test("decodeMessage: pointers that go in circles or forward are refused", () => {
  const head = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const tail of [
    [0xc0, 12],
    [0xc0, 14, 0xc0, 12],
    [1, 97, 0xc0, 12],
    [0xc0, 40],
  ])
    assert.equal(decodeMessage(Uint8Array.from([...head, ...tail, 0, 1, 0, 1])), undefined);
});
