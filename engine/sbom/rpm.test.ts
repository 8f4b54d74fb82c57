import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseRpmDatabase } from "./rpm.ts";

type Field = readonly [tag: number, value: string | number];

function header(fields: readonly Field[], padding = 0): Buffer {
  const data: Buffer[] = [];
  let offset = 0;
  const entries = fields.map(([tag, value]) => {
    const bytes = typeof value === "string" ? Buffer.from(`${value}\0`) : Buffer.alloc(4);
    if (typeof value === "number") bytes.writeUInt32BE(value);
    const entry = Buffer.alloc(16);
    [tag, typeof value === "string" ? 6 : 4, offset, 1].forEach((number, index) =>
      entry.writeUInt32BE(number, 4 * index),
    );
    data.push(bytes);
    offset += bytes.length;
    return entry;
  });
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(fields.length);
  sizes.writeUInt32BE(offset + padding, 4);
  return Buffer.concat([sizes, ...entries, ...data, Buffer.alloc(padding, 7)]);
}

function database(blobs: readonly Buffer[], pageSize = 4096): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "gantry-rpm-"));
  try {
    const path = join(folder, "db");
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA page_size=${pageSize}; CREATE TABLE 'Name' ('key' TEXT);`);
    db.exec("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
    const insert = db.prepare("INSERT INTO Packages (blob) VALUES (?)");
    for (const blob of blobs) insert.run(blob);
    db.close();
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const headerOf = (index: number, padding = 0) =>
  header(
    [
      [1000, `pkg${index}`],
      [1001, "1.2"],
      [1002, "3.el9"],
      [1003, index],
      [1014, "GPLv2+ and MIT"],
      [1022, "x86_64"],
      [1044, "src-1.2-3.el9.src.rpm"],
    ],
    padding,
  );

test("parseRpmDatabase: headers of one page and of many, in trees of several levels", () => {
  const bytes = database(
    Array.from({ length: 600 }, (_, index) => headerOf(index, (index * 997) % 30_000)),
    1024,
  );
  const found = [...parseRpmDatabase(bytes)];
  assert.equal(found.length, 600);
  assert.deepEqual(found[7], {
    kind: "rpm",
    name: "pkg7",
    version: "7:1.2-3.el9",
    architecture: "x86_64",
    licences: [{ kind: "expression", expression: "GPL-2.0-or-later AND MIT" }],
    source: { name: "src", version: "1.2-3.el9" },
  });
});

test("parseRpmDatabase: keys that RPM keeps as packages are none", () => {
  const key = header([
    [1000, "gpg-pubkey"],
    [1001, "1"],
    [1002, "2"],
  ]);
  assert.deepEqual([...parseRpmDatabase(database([key]))], []);
});

test("parseRpmDatabase: altered files end, with a Fault or without", () => {
  const whole = database(
    Array.from({ length: 30 }, (_, index) => headerOf(index, 3000)),
    1024,
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          for (const _ of parseRpmDatabase(bytes));
        } catch (error) {
          assert.ok(isFault(error, "invalid"), String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});
