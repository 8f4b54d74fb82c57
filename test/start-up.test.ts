import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { test } from "node:test";

/** Files that are loaded with `file`, before any of it runs. */
function loadedWith(file: string): ReadonlySet<string> {
  const found = new Set<string>([file]);
  for (const one of found)
    for (const [, specifier = ""] of readFileSync(one, "utf8").matchAll(
      /^(?:import|export)\s+(?!type\b)[^;]*?from\s+"([#.][^"]+\.ts)"/gm,
    ))
      found.add(specifier.startsWith("#") ? specifier.slice(1) : posix.join(dirname(one), specifier));
  return found;
}

const loaded = [...loadedWith("engine/daemon.ts")];

test("start-up: a daemon loads nothing that only some are asked for: BuildKit's API, plugins, policies, a command", () => {
  const rare = /^(engine\/(buildkit-api|authorization)|cli|client|api\/buildkit|bench|test|tools)\//;
  assert.deepEqual(
    loaded.filter((file) => rare.test(file)),
    [],
  );
});

test("start-up: a daemon loads no more files than it did; each is half a millisecond until the first answer", () => {
  assert.ok(loaded.length <= 340, `${loaded.length} files; load what few need with import()`);
});
