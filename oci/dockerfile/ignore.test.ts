import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseDockerignore } from "./ignore.ts";

test("parseDockerignore: patterns, folders and exceptions", () => {
  const table: readonly (readonly [rules: string, ignored: readonly string[], kept: readonly string[]])[] = [
    ["*.md", ["a.md"], ["dir/a.md", "a.mdx"]],
    ["**/*.md", ["a.md", "dir/a.md", "a/b/c.md"], ["a.mdx"]],
    ["/dir/", ["dir", "dir/x", "dir/a/b"], ["dirx", "a/dir"]],
    ["*/temp*", ["a/temporary", "a/temp/x"], ["temp", "a/b/temp"]],
    ["temp?", ["tempa"], ["temp", "tempab"]],
    ["*.md\n!README.md", ["a.md"], ["README.md"]],
    ["*.md\n!README*.md\nREADME-secret.md", ["README-secret.md"], ["README.md"]],
    ["dir\n!dir/keep", ["dir/x"], ["dir/keep", "dir/keep/y"]],
    ["# no rule\n#x\n\\#y", ["#y"], ["#x"]],
    ["a/../b", ["b"], ["a"]],
    ["**", ["a", "a/b"], []],
    ["a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "b/z"]],
    ["[a-c].x\n[^a]y", ["b.x", "by"], ["d.x", "ay"]],
    ["*\n!a/b", ["c", "a"], ["a/b"]],
    ["  spaces  ", ["spaces"], []],
    ["a.b", ["a.b"], ["aXb"]],
  ];
  for (const [rules, ignored, kept] of table) {
    const parsed = parseDockerignore(rules);
    for (const path of ignored) assert.ok(parsed.ignores(path), `${rules} ignores ${path}`);
    for (const path of kept) assert.ok(!parsed.ignores(path), `${rules} keeps ${path}`);
  }
});

test("parseDockerignore: a broken pattern is refused", () => {
  for (const text of ["!", "[a", "a\\"])
    assert.throws(
      () => parseDockerignore(text),
      (error) => isFault(error, "invalid"),
    );
});

test("parseDockerignore: no pattern takes long", () => {
  const rules = parseDockerignore(`${"*a".repeat(100)}b\n${"**/".repeat(100)}x\n${"**a".repeat(100)}b`);
  const begin = performance.now();
  assert.ok(!rules.ignores("a".repeat(255)) && !rules.ignores("a/".repeat(1000)));
  assert.ok(performance.now() - begin < 5000);
});

test("parseDockerignore: a plain name ignores itself and what is below, nothing else", () => {
  const name = fc
    .string({ unit: fc.constantFrom(..."ab.-_ü$^(".split("")), minLength: 1, maxLength: 8 })
    .filter((text) => !/^\.+$/.test(text));
  fc.assert(
    fc.property(name, name, (left, right) => {
      const rules = parseDockerignore(left);
      assert.ok(rules.ignores(left) && rules.ignores(`${left}/${right}`));
      assert.equal(rules.ignores(right), left === right);
    }),
  );
});

test("parseDockerignore: patterns, what is below them, exceptions, and the last that fits", () => {
  const list = parseDockerignore("# c\n*.log\n!keep.log\n**/tmp\n/build/\nsrc/*.o\n");
  for (const path of ["a.log", "tmp", "a/b/tmp/c", "build/x", "src/a.o"]) assert.ok(list.ignores(path), path);
  for (const path of ["keep.log", "a/a.log", "src/a/b.o", "builder"]) assert.ok(!list.ignores(path), path);
});
