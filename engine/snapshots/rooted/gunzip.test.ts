import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { Gunzip } from "./gunzip.ts";

const skip = Gunzip.open(() => {}, { isHashed: false }) === undefined;

function gunzip(bytes: Uint8Array, pieceBytes: number, isHashed = false): Buffer {
  const pieces: Uint8Array[] = [];
  const gunzip = Gunzip.open((chunk) => pieces.push(Uint8Array.from(chunk)), { isHashed });
  for (let at = 0; at < bytes.length; at += pieceBytes) gunzip?.write(bytes.subarray(at, at + pieceBytes));
  gunzip?.end();
  return Buffer.concat(pieces);
}

const isInvalid = (error: unknown) => isFault(error, "invalid");
const text = Buffer.from("what is written here is written again. ".repeat(20_000));

test("Gunzip: any bytes in any pieces, as one member or several", { skip }, () => {
  const member = fc.record({
    bytes: fc.uint8Array({ maxLength: 3000 }),
    level: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(
      fc.array(member, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 200 }),
      (members, piece) => {
        const archive = Buffer.concat(members.map(({ bytes, level }) => gzipSync(bytes, { level })));
        assert.deepEqual(gunzip(archive, piece), Buffer.concat(members.map(({ bytes }) => bytes)));
      },
    ),
    { numRuns: 200 },
  );
  for (const piece of [1, 7, 65_536, 1 << 20]) assert.deepEqual(gunzip(gzipSync(text), piece), text);
});

test("Gunzip: heads with every field", { skip }, () => {
  const plain = gzipSync(text);
  const fields = Buffer.from([3, 0, 1, 2, 3, 0x6e, 0, 0x63, 0, 9, 9]);
  const head = Buffer.concat([plain.subarray(0, 3), Buffer.from([0x1e]), plain.subarray(4, 10), fields]);
  for (const piece of [1, 65_536])
    assert.deepEqual(gunzip(Buffer.concat([head, plain.subarray(10)]), piece), text);
});

test("Gunzip: what follows the last member is not looked at", { skip }, () => {
  for (const piece of [1, 65_536])
    assert.deepEqual(gunzip(Buffer.concat([gzipSync(text), Buffer.alloc(100)]), piece), text);
});

test("Gunzip: what is cut off or broken is invalid, and nothing else happens", { skip }, () => {
  const archive = gzipSync(text);
  for (let length = 0; length < archive.length; length += 13)
    assert.throws(() => gunzip(archive.subarray(0, length), 100), isInvalid);
  for (const at of [0, 1, 2, 3, archive.length - 1, archive.length - 5]) {
    const broken = Buffer.from(archive);
    broken.writeUInt8((broken[at] ?? 0) ^ 0xff, at);
    assert.throws(() => gunzip(broken, 4096), isInvalid);
  }
});

test("Gunzip: of a hashed stream no checksum is looked at", { skip }, () => {
  const archive = gzipSync(text);
  archive.writeUInt8(archive.readUInt8(archive.length - 5) ^ 0xff, archive.length - 5);
  assert.deepEqual(gunzip(archive, 4096, true), text);
});

test("Gunzip: flipped bits give other bytes or a fault, never a crash", { skip }, () => {
  const archive = gzipSync(text);
  fc.assert(
    fc.property(fc.nat(archive.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
      const broken = Buffer.from(archive);
      broken.writeUInt8(broken.readUInt8(at) ^ bits, at);
      try {
        gunzip(broken, 1000, true);
      } catch (error) {
        assert.ok(isInvalid(error));
      }
    }),
    { numRuns: 300 },
  );
});
