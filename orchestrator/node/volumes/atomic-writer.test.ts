import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { type Payload, writeAtomically } from "./atomic-writer.ts";

function payload(files: Readonly<Record<string, string>>, mode = 0o644): Payload {
  return new Map(Object.entries(files).map(([path, text]) => [path, { bytes: Buffer.from(text), mode }]));
}

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "gantry-test-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("writeAtomically: files are there with their modes, behind one link", () =>
  inFolder((folder) => {
    assert.ok(writeAtomically(folder, payload({ a: "1", "d/e": "2" }, 0o400), undefined));
    assert.equal(readFileSync(join(folder, "a"), "utf8"), "1");
    assert.equal(readFileSync(join(folder, "d/e"), "utf8"), "2");
    assert.equal(statSync(join(folder, "a")).mode & 0o777, 0o400);
    assert.equal(readlinkSync(join(folder, "a")), "..data/a");
  }));

test("writeAtomically: what is no more wanted goes, the old files too", () =>
  inFolder((folder) => {
    writeAtomically(folder, payload({ a: "1", b: "2" }), undefined);
    assert.ok(writeAtomically(folder, payload({ b: "3", c: "4" }), undefined));
    assert.deepEqual(
      readdirSync(folder)
        .filter((name) => !name.startsWith(".."))
        .toSorted(),
      ["b", "c"],
    );
    assert.equal(readdirSync(folder).filter((name) => name.startsWith("..2")).length, 1);
    assert.equal(readFileSync(join(folder, "b"), "utf8"), "3");
  }));

test("writeAtomically: nothing is written when nothing changes", () =>
  inFolder((folder) => {
    writeAtomically(folder, payload({ a: "1" }), undefined);
    const before = readlinkSync(join(folder, "..data"));
    assert.equal(writeAtomically(folder, payload({ a: "1" }), undefined), false);
    assert.equal(readlinkSync(join(folder, "..data")), before);
  }));

test("writeAtomically: what a killed writer left is cleared away", () =>
  inFolder((folder) => {
    writeAtomically(folder, payload({ a: "1" }), undefined);
    mkdirSync(join(folder, "..2020_01_01.x"));
    writeFileSync(join(folder, "..data_tmp"), "");
    writeAtomically(folder, payload({ a: "2" }), undefined);
    assert.equal(readFileSync(join(folder, "a"), "utf8"), "2");
    assert.equal(readdirSync(folder).filter((name) => name.startsWith("..2")).length, 1);
  }));

for (const path of ["/etc/passwd", "../up", "a/../../b", "..data", ""]) {
  test(`writeAtomically: ${path === "" ? "no path" : path} is refused`, () =>
    inFolder((folder) => {
      assert.throws(
        () => writeAtomically(folder, payload({ [path]: "x" }), undefined),
        (error) => isFault(error, "invalid"),
      );
    }));
}
