import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

function find(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: root, exclude: ["node_modules/**", ".node/**", "native/build/**"] });
}

/** What a file says that does not exist, one line each. */
function missing(file: string, pattern: RegExp, resolve: (path: string) => string): readonly string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(pattern)]
    .map(([, path = ""]) => path)
    .filter((path) => !existsSync(join(root, resolve(path))))
    .map((path) => `${file} names ${path}`);
}

test("code: every document that it names exists", () => {
  const named = find("**/*.{ts,c,h,sh}").flatMap((file) =>
    missing(file, /(?<![\w/])(docs\/[\w/.-]+\.md)\b/g, (path) => path),
  );
  assert.deepEqual(named, []);
});

test("documents: every link to a file leads to one", () => {
  const named = find("**/*.md").flatMap((file) =>
    missing(file, /\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g, (path) => join(dirname(file), path)),
  );
  assert.deepEqual(named, []);
});

test("documents: every source file that they name exists", () => {
  const areas = "api|base|bin|cli|client|engine|host|native|oci|orchestrator|rpc|test|tools";
  const named = find("**/*.md").flatMap((file) =>
    missing(file, new RegExp(`\`((?:${areas})/[\\w/.-]+\\.(?:ts|c|h|sh))\``, "g"), (path) => path),
  );
  assert.deepEqual(named, []);
});
