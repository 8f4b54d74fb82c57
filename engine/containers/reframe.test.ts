import assert from "node:assert/strict";
import { Readable, type Transform } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { StdoutFrames, StdoutOnly } from "./reframe.ts";

test("StdoutFrames, then StdoutOnly: the bytes, however they are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
      fc.integer({ min: 1, max: 9 }),
      async (chunks, pieceLength) => {
        const framed = await through(
          new StdoutFrames(),
          chunks.map((chunk) => Buffer.from(chunk)),
        );
        const pieces = Array.from({ length: Math.ceil(framed.length / pieceLength) }, (_, index) =>
          framed.subarray(index * pieceLength, (index + 1) * pieceLength),
        );
        const plain = await through(new StdoutOnly(), pieces);
        assert.deepEqual(plain, Buffer.concat(chunks));
      },
    ),
  );
});

test("StdoutOnly: leaves out what is on stderr", async () => {
  const bytes = Buffer.from("\u0002\0\0\0\0\0\0\u0003err\u0001\0\0\0\0\0\0\u0003out", "latin1");
  assert.equal((await through(new StdoutOnly(), [bytes])).toString(), "out");
});

async function through(transform: Transform, chunks: readonly Buffer[]): Promise<Buffer> {
  return Buffer.concat(await Readable.from(chunks).pipe(transform).toArray());
}
