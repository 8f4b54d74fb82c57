import assert from "node:assert/strict";
import { test } from "node:test";
import { parseIgnore } from "./ignore.ts";

test("parseIgnore: patterns, what is below them, exceptions, and the last that fits", () => {
  const list = parseIgnore("# c\n*.log\n!keep.log\n**/tmp\n/build/\nsrc/*.o\n");
  for (const path of ["a.log", "tmp", "a/b/tmp/c", "build/x", "src/a.o"]) assert.ok(list.ignores(path), path);
  for (const path of ["keep.log", "a/a.log", "src/a/b.o", "builder"]) assert.ok(!list.ignores(path), path);
});
