import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { containerFolder, exitFile } from "#engine/runtime/paths.ts";
import { readExit } from "./exit-file.ts";

test("readExit: what a shim wrote, and nothing of a file that is none of its", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-exit-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const paths = { root: folder, run: folder };
  assert.equal(readExit(paths, "one"), undefined);
  mkdirSync(containerFolder(paths, "one"), { recursive: true });
  const read = (text: string) => {
    writeFileSync(exitFile(paths, "one"), text);
    return readExit(paths, "one");
  };
  assert.deepEqual(read("5 1700000000000000001  \n"), { exitCode: 5, finishedAt: 1700000000000000001n });
  for (const text of ["", "\n", "x 1", "1 x", " ".repeat(62)]) assert.equal(read(text), undefined, text);
});
