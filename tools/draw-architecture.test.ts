import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocument, withArrows } from "./draw-architecture.ts";

test("ARCHITECTURE.md: shows the arrows that are enforced (else run: node tools/draw-architecture.ts)", () => {
  const text = readDocument();
  assert.equal(withArrows(text), text);
});
