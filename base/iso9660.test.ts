import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "./fault.ts";
import { isoHead, isoPadding, writeIso } from "./iso9660.ts";

test("isoHead: what is streamed piece by piece is what is written at once", () => {
  const files = [
    { name: "a.tar", bytes: new Uint8Array(5000).fill(1) },
    { name: "b", bytes: new Uint8Array(2048).fill(2) },
  ];
  const head = isoHead(
    "LABEL",
    files.map(({ name, bytes }) => ({ name, length: bytes.length })),
  );
  const pieces = [head, ...files.flatMap(({ bytes }) => [bytes, new Uint8Array(isoPadding(bytes.length))])];
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(writeIso("LABEL", files)));
  assert.equal(isoPadding(0), 0);
});

test("isoHead: a file of four gigabytes does not fit", () => {
  isoHead("LABEL", [{ name: "a", length: 2 ** 32 - 1 }]);
  assert.throws(
    () => isoHead("LABEL", [{ name: "a", length: 2 ** 32 }]),
    (error) => isFault(error, "invalid"),
  );
});
