import assert from "node:assert/strict";
import { test } from "node:test";
import { planImageRemoval } from "./image-gc.ts";

const images = [
  { id: "old", size: 10 },
  { id: "older", size: 10 },
  { id: "used", size: 10 },
  { id: "tagged", repoTags: ["t:1"], size: 10 },
  { id: "kept", pinned: true, size: 10 },
];
const times: Readonly<Record<string, number>> = { old: 2, older: 1 };
const plan = (bytes: number) =>
  planImageRemoval(images, new Set(["used", "t:1"]), (id) => times[id] ?? 0, bytes);

test("planImageRemoval: the longest unused go first, no more than needed, never what is used or pinned", () => {
  assert.deepEqual(plan(0), []);
  assert.deepEqual(plan(5), ["older"]);
  assert.deepEqual(plan(1000), ["older", "old"]);
});
