import assert from "node:assert/strict";
import { test } from "node:test";
import { findNearest, suggestion } from "./suggest.ts";

test("what is two letters away at most may be meant, whatever its case", () => {
  assert.equal(suggestion("FORM", ["RUN", "FROM"]), " (did you mean FROM?)");
  assert.equal(suggestion("chwn", ["from", "chown", "chmod"]), " (did you mean chown?)");
  assert.equal(suggestion("nope", ["from"]), "");
  assert.equal(suggestion("from", ["FROM"]), "");
});

test("findNearest tells upper and lower case apart, and takes the first of the nearest", () => {
  assert.equal(findNearest("Z", ["PATH", "A", "B"]), "A");
  assert.equal(findNearest("path", ["PATH"]), undefined);
});
