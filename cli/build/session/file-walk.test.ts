import assert from "node:assert/strict";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Selection, walkFolder } from "./file-walk.ts";
import { followLinks } from "./follow-links.ts";

function folderOf(
  t: TestContext,
  files: readonly string[],
  links: Readonly<Record<string, string>> = {},
): string {
  const top = mkdtempSync(join(tmpdir(), "gantry-walk-"));
  t.after(() => rmSync(top, { recursive: true }));
  for (const file of files) {
    mkdirSync(join(top, dirname(file)), { recursive: true });
    writeFileSync(join(top, file), file);
  }
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(top, dirname(path)), { recursive: true });
    symlinkSync(target, join(top, path));
  }
  return top;
}

function paths(top: string, selection: Partial<Selection> = {}): readonly (string | undefined)[] {
  const whole = { include: [], exclude: [], follow: [], ...selection };
  return [...walkFolder(top, whole)].map(({ stat }) => stat.path);
}

test("walkFolder: folders come before what is in them, names in the order of their bytes", (t) => {
  const top = folderOf(t, ["b", "a/z", "a.txt", "a/\u{1F600}", "a/\uFB00"]);
  assert.deepEqual(paths(top), ["a", "a/z", "a/\uFB00", "a/\u{1F600}", "a.txt", "b"]);
});

test("walkFolder: what is excluded is left out, and what is excepted from that comes with its folders", (t) => {
  const top = folderOf(t, ["x/keep/a", "x/drop/b", "y.md", "README.md"]);
  assert.deepEqual(paths(top, { exclude: ["x", "!x/keep", "*.md", "!README.md"] }), [
    "README.md",
    "x",
    "x/keep",
    "x/keep/a",
  ]);
});

test("walkFolder: only what is named, with the folders on the way", (t) => {
  const top = folderOf(t, ["x/y/a", "x/y/b", "x/z/c", "other/d"]);
  assert.deepEqual(paths(top, { follow: ["x/y/a", "nothing"] }), ["x", "x/y", "x/y/a"]);
  assert.deepEqual(paths(top, { include: ["x/*/c"] }), ["x", "x/z", "x/z/c"]);
  assert.deepEqual(paths(top, { include: ["x/y"] }), ["x", "x/y", "x/y/a", "x/y/b"]);
});

test("walkFolder: a second name of a file says which was the first", (t) => {
  const top = folderOf(t, ["a"]);
  linkSync(join(top, "a"), join(top, "b"));
  const [, second] = [...walkFolder(top, { include: [], exclude: [], follow: [] })];
  assert.equal(second?.stat.linkname, "a");
  assert.equal(second?.content, undefined);
});

test("followLinks: links and what they lead to, never out of the folder", (t) => {
  const top = folderOf(t, ["real/file", "other"], {
    link: "real",
    up: "../../../other",
    absolute: "/real/file",
    loop: "loop",
  });
  assert.deepEqual(followLinks(top, ["link/file"]), ["link", "real/file"]);
  assert.deepEqual(followLinks(top, ["up"]), ["other", "up"]);
  assert.deepEqual(followLinks(top, ["absolute"]), ["absolute", "real/file"]);
  assert.deepEqual(followLinks(top, ["loop"]), ["loop"]);
  assert.deepEqual(followLinks(top, ["l*k"]), ["link", "real"]);
  assert.deepEqual(followLinks(top, ["."]), [""]);
});
