import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "./fault.ts";
import { planIso, writeIso } from "./iso9660.ts";

const sector = 2048;

test("planIso: what is streamed piece by piece is what is written at once", () => {
  for (const sizes of [
    [5000, 2048],
    [0, 400_001],
    [2049, 0],
  ]) {
    const files = sizes.map((size, i) => ({ name: `f${i}`, bytes: new Uint8Array(size).fill(i + 1) }));
    const { head, paddings, length } = planIso(
      "LABEL",
      files.map(({ name, bytes }) => ({ name, length: bytes.length })),
    );
    const pieces = [head, ...files.flatMap(({ bytes }, i) => [bytes, new Uint8Array(paddings[i] ?? 0)])];
    const whole = Buffer.concat(pieces);
    assert.deepEqual(whole, Buffer.from(writeIso("LABEL", files)));
    assert.equal(whole.length, length);
    assert.equal(whole.readUInt32LE(16 * sector + 80), length / sector);
  }
});

test("writeIso: a small medium is padded: busybox's findfs, of many an initial RAM disk, knows none below 68 KiB", () => {
  assert.ok(writeIso("cidata", [{ name: "user-data", bytes: new Uint8Array(10) }]).length >= 0x11000);
});

test("planIso: a file of four gigabytes does not fit", () => {
  planIso("LABEL", [{ name: "a", length: 2 ** 32 - 1 }]);
  assert.throws(
    () => planIso("LABEL", [{ name: "a", length: 2 ** 32 }]),
    (error) => isFault(error, "invalid"),
  );
});
