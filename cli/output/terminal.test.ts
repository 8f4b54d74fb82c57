import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable } from "./table.ts";
import { openTerminal } from "./terminal.ts";

const stream = (isTTY: boolean) => ({ isTTY, write: () => true });

test("openTerminal: colours only on a terminal that wants them", () => {
  assert.equal(openTerminal(stream(true), {}).red("no"), "\u001b[31mno\u001b[39m");
  assert.equal(openTerminal(stream(false), {}).red("no"), "no");
  assert.equal(openTerminal(stream(true), { NO_COLOR: "1" }).red("no"), "no");
  assert.equal(openTerminal(stream(true), { TERM: "dumb" }).red("no"), "no");
});

test("formatTable: pads columns to their widest cell and leaves no blanks at the end", () => {
  assert.equal(formatTable(["A", "LONG"], [["wide cell", "x"]]), "A           LONG\nwide cell   x\n");
});

test("formatTable: no rows and no head give nothing", () => {
  assert.equal(formatTable([], []), "");
});
