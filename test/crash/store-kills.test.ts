import assert from "node:assert/strict";
import { test } from "node:test";
import { killWriters } from "./store-kills.ts";

test("SqliteStore: what was acknowledged is there after a kill at any moment, and revisions only grow", async () => {
  assert.ok((await killWriters(15)) > 1000);
});
