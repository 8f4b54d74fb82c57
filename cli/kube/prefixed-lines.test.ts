import assert from "node:assert/strict";
import { test } from "node:test";
import { prefixedLines } from "./prefixed-lines.ts";

async function shown(pieces: readonly string[], prefix: string): Promise<readonly string[]> {
  async function* bytes() {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const lines = await Array.fromAsync(prefixedLines(bytes(), prefix));
  return lines.map((line) => Buffer.from(line).toString());
}

test("prefixedLines: whole lines, however the pieces are cut; the last one may have no end", async () => {
  assert.deepEqual(await shown(["a", "b", "c\nd", "\n\nlast"], "ü "), ["ü abc\n", "ü d\nü \n", "ü last"]);
  assert.deepEqual(await shown(["a\nb", "c"], ""), ["a\n", "bc"]);
  assert.deepEqual(await shown([], "p "), []);
});

test("prefixedLines: a carriage return does not end a line", async () => {
  assert.deepEqual(await shown(["10%\r20%\r\nend\n"], "p "), ["p 10%\r20%\r\np end\n"]);
});
