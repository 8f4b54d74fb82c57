import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseBlockIo, parseIoStat } from "./usage.ts";

test("parseBlockIo: one entry for each device and word, without the sums of all", () => {
  assert.deepEqual(parseBlockIo("8:0 Read 4096\n8:0 Write 0\n253:16 Total 77\nTotal 4173\n"), [
    { major: 8, minor: 0, op: "Read", value: 4096 },
    { major: 8, minor: 0, op: "Write", value: 0 },
    { major: 253, minor: 16, op: "Total", value: 77 },
  ]);
  assert.deepEqual(parseBlockIo("Total 0\n"), []);
});

test("parseIoStat: bytes read and written of each device, whatever else is counted", () => {
  assert.deepEqual(
    parseIoStat("8:16 rbytes=1459200 wbytes=314773504 rios=192 dbytes=0 dios=3\n8:0 rios=1\n"),
    [
      { major: 8, minor: 16, op: "read", value: 1_459_200 },
      { major: 8, minor: 16, op: "write", value: 314_773_504 },
      { major: 8, minor: 0, op: "read", value: 0 },
      { major: 8, minor: 0, op: "write", value: 0 },
    ],
  );
});

test("both: any text gives entries with numbers, or none", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const { major, value } of [...parseBlockIo(text), ...parseIoStat(text)])
        assert.ok(Number.isFinite(major) && Number.isFinite(value));
    }),
  );
});
