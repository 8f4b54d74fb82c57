import assert from "node:assert/strict";
import { test } from "node:test";
import { planEnvironment } from "./environment.ts";

const input = { hostname: "h", isTerminal: false, home: "/root", variables: [] };
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

test("planEnvironment: defaults come first, HOME last, TERM only with a terminal", () => {
  assert.deepEqual(planEnvironment({ ...input, variables: ["A=1"] }), [
    path,
    "HOSTNAME=h",
    "A=1",
    "HOME=/root",
  ]);
  assert.deepEqual(planEnvironment({ ...input, isTerminal: true })[2], "TERM=xterm");
});

test("planEnvironment: a given variable replaces in place, the last one wins, a bare name removes", () => {
  const variables = ["A=1", "PATH=/bin", "A=2", "HOSTNAME", "EMPTY=", "HOME=/h"];

  assert.deepEqual(planEnvironment({ ...input, variables }), ["PATH=/bin", "A=2", "EMPTY=", "HOME=/h"]);
});

test("planEnvironment: an empty HOME is replaced, so that the runtime does not look for one", () => {
  assert.deepEqual(planEnvironment({ ...input, variables: ["HOME="] }).at(-1), "HOME=/root");
});
