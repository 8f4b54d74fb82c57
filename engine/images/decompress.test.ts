import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, createGzip, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { decompressed } from "./decompress.ts";

async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}
const inflate = async (...chunks: Uint8Array[]) =>
  Buffer.concat(await Array.fromAsync(decompressed(of(...chunks))));

test("decompressed: gives back what was packed, whatever the pieces", async () => {
  const pack = fc.constantFrom((bytes: Uint8Array) => bytes, gzipSync, zstdCompressSync);
  const content = fc.uint8Array({ maxLength: 500 }).filter((bytes) => bytes[0] !== 0x1f && bytes[0] !== 0x28);
  await fc.assert(
    fc.asyncProperty(content, pack, fc.integer({ min: 1, max: 20 }), async (bytes, packing, size) => {
      const packed = packing(bytes);
      const chunks = Array.from({ length: Math.ceil(packed.length / size) }, (_, index) =>
        packed.subarray(index * size, (index + 1) * size),
      );
      assert.deepEqual(await inflate(...chunks), Buffer.from(bytes));
    }),
    { numRuns: 100 },
  );
});

test("decompressed: broken data is invalid, in every format", async () => {
  for (const magic of [
    [0x1f, 0x8b],
    [0x28, 0xb5, 0x2f, 0xfd],
    [0x42, 0x5a, 0x68],
    [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
  ])
    await assert.rejects(inflate(Buffer.from(magic), Buffer.alloc(100, 7)), (error) =>
      isFault(error, "invalid"),
    );
});

test("decompressed: the source's own error comes through", async () => {
  const failing = (head: Uint8Array) =>
    (async function* () {
      yield head;
      throw new Error("connection lost");
    })();
  for (const head of [
    gzipSync("x").subarray(0, 15),
    Buffer.from("plain text"),
    Buffer.from([0x42, 0x5a, 0x68, 0x39, 0, 0]),
  ])
    await assert.rejects(Array.fromAsync(decompressed(failing(head))), /connection lost/);
});

test("decompressed: whoever stops early ends the source", async () => {
  for (const head of [gzipSync(Buffer.alloc(2_000_000)), Buffer.alloc(100)]) {
    let isClosed = false;
    const source = (async function* () {
      try {
        for (;;) yield head;
      } finally {
        isClosed = true;
      }
    })();
    for await (const _ of decompressed(source)) break;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(isClosed);
  }
});

test("decompressed: stops a bomb", async () => {
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION });
  const zeros = Buffer.alloc(8 << 20);
  void (async () => {
    for (let count = 0; count < 200 && !gzip.destroyed; count++)
      if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once("drain", resolve));
    gzip.end();
  })();
  const size = { out: 0 };
  const run = async () => {
    for await (const chunk of decompressed(gzip)) size.out += chunk.length;
  };
  await assert.rejects(run(), /expands more than 500 times/);
  gzip.destroy();
  assert.ok(size.out <= (1 << 30) + (1 << 20));
});
