import assert from "node:assert/strict";
import { test } from "node:test";
import { arrowsOf, importsOf, isAllowed } from "../tools/architecture.ts";

test("architecture: every import follows an arrow of the table", () => {
  const wrong = importsOf(process.cwd()).filter((arrow) => !isAllowed(arrow.from, arrow.to));
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
    [],
  );
});

test("architecture: the table has no arrow into a transport but from the daemon", () => {
  for (const [from, targets] of Object.entries(arrowsOf))
    if (from !== "engine/daemon")
      assert.ok(!targets.includes("engine/docker-api"), `${from} → engine/docker-api`);
});
