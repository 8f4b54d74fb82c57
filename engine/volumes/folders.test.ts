import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { link, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensureFolder, removeTree, sizeOfTree } from "./folders.ts";

const root = await mkdtemp(join(tmpdir(), "gantry-folders-"));
after(() => rm(root, { recursive: true, force: true }));
const signal = new AbortController().signal;

test("removeTree: removes folders that are nested deeper than a path can name, and names that are not UTF-8", async () => {
  const folder = join(root, "deep");
  const name = "n".repeat(200);
  await mkdir(folder);
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), "");
  // Grown from the inside out, as no path reaches its bottom.
  await mkdir(join(root, "inner"));
  await writeFile(join(root, "inner", "file"), "x");
  for (let depth = 0; depth < 60; depth++) {
    await mkdir(join(root, "outer"));
    await rename(join(root, "inner"), join(root, "outer", name));
    await rename(join(root, "outer"), join(root, "inner"));
  }
  await rename(join(root, "inner"), join(folder, "chain"));
  assert.ok((await sizeOfTree(folder, signal)) >= 0);
  await removeTree(folder);
  assert.ok(!existsSync(folder));
  await removeTree(folder);
});

test("removeTree: does not follow links", async () => {
  await mkdir(join(root, "kept"));
  await mkdir(join(root, "gone"));
  await writeFile(join(root, "kept", "file"), "x");
  await symlink(join(root, "kept"), join(root, "gone", "link"));
  await removeTree(join(root, "gone"));
  assert.deepEqual(await readdir(join(root, "kept")), ["file"]);
});

test("sizeOfTree: counts every file once, however many names it has, and nothing outside", async () => {
  const folder = join(root, "sized");
  await mkdir(join(folder, "sub"), { recursive: true });
  await writeFile(join(folder, "a"), "12345");
  await link(join(folder, "a"), join(folder, "sub", "b"));
  await writeFile(join(folder, "sub", "c"), "67");
  await symlink("/usr", join(folder, "usr"));
  assert.equal(await sizeOfTree(folder, signal), 7);
  assert.equal(await sizeOfTree(join(root, "nowhere"), signal), 0);
  await assert.rejects(sizeOfTree(folder, AbortSignal.abort(new Error("stop"))), /stop/);
});

test("ensureFolder: takes back only what it made and is still empty", async () => {
  const undo = await ensureFolder(join(root, "x", "y", "z"), 0o755);
  await writeFile(join(root, "x", "file"), "");
  await undo();
  assert.deepEqual(await readdir(join(root, "x")), ["file"]);
  await (await ensureFolder(join(root, "x"), 0o755))();
  assert.ok(existsSync(join(root, "x")));
});
