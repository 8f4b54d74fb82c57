import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { mknod, setXattr } from "#host/sys.ts";
import { LayeredFiles } from "./layered-file.ts";
import { resolveUser } from "./users.ts";

const isRoot = process.getuid?.() === 0;

/** Layer folders, top first, with files as given: text, or what makes something else at the path. */
function layers(
  t: TestContext,
  ...contents: readonly Readonly<Record<string, string | ((path: string) => void)>>[]
) {
  const root = mkdtempSync(join(tmpdir(), "gantry-layers-"));
  t.after(() => rmSync(root, { recursive: true }));
  return contents.map((files, index) => {
    const layer = join(root, String(index));
    mkdirSync(layer);
    for (const [name, content] of Object.entries(files)) {
      const path = join(layer, name);
      mkdirSync(dirname(path), { recursive: true });
      if (typeof content === "string") writeFileSync(path, content);
      else content(path);
    }
    return layer;
  });
}

const link = (target: string) => (path: string) => symlinkSync(target, path);
const whiteout = (path: string) => mknod(path, 0o20000, 0, 0);
const find = (stack: readonly string[], path = "etc/passwd") => new LayeredFiles().find(path, stack);

test("LayeredFiles: the topmost file wins, folders are merged", (t) => {
  const stack = layers(
    t,
    { "etc/other": "" },
    { "etc/passwd": "upper" },
    { "etc/passwd": "lower", "etc/group": "g" },
  );

  assert.equal(find(stack), "upper");
  assert.equal(find(stack, "etc/group"), "g");
  assert.equal(find(stack, "etc/none"), undefined);
  assert.equal(find(stack, "etc/group/x"), undefined);
});

test("LayeredFiles: whiteouts and opaque folders hide what is below", { skip: !isRoot }, (t) => {
  const below = { "etc/passwd": "hidden" };
  const opaque = (path: string) => {
    mkdirSync(path);
    setXattr(path, "trusted.overlay.opaque", Buffer.from("y"));
  };

  assert.equal(find(layers(t, { "etc/passwd": whiteout }, below)), undefined);
  assert.equal(find(layers(t, {}, { etc: whiteout }, below)), undefined);
  assert.equal(find(layers(t, {}, { etc: opaque }, below)), undefined);
  assert.equal(find(layers(t, { "etc/x": "" }, { etc: "a file" }, below)), undefined);
});

test("LayeredFiles: links stay inside, across layers", (t) => {
  const lower = { "usr/lib/passwd": "inside", "etc/group": "g" };

  assert.equal(find(layers(t, { "etc/passwd": link("../usr/lib/passwd") }, lower)), "inside");
  assert.equal(find(layers(t, {}, { "etc/passwd": link("/usr/lib/passwd") }, lower)), "inside");
  assert.equal(find(layers(t, { etc: link("/usr/lib") }, lower)), "inside");
});

test("LayeredFiles: a link to the host's file finds the image's", (t) => {
  const stack = layers(t, {
    "etc/passwd": link("../../../../../../../usr/passwd"),
    "usr/passwd": "the image's",
  });

  assert.equal(find(stack), "the image's");
});

test("LayeredFiles: circles, pipes, devices and huge files are refused at once", { skip: !isRoot }, (t) => {
  const pipe = (path: string) => void spawnSync("/usr/bin/mkfifo", [path]);
  const sparse = (path: string) => {
    writeFileSync(path, "");
    truncateSync(path, 10 * 1024 ** 3);
  };
  const zero = (path: string) => mknod(path, 0o20666, 1, 5);

  assert.throws(() => find(layers(t, { "etc/passwd": link("passwd") })), /too many levels of symbolic links/);
  assert.throws(
    () => find(layers(t, { "etc/passwd": pipe })),
    /^Fault: \/etc\/passwd is not a regular file$/,
  );
  assert.throws(() => find(layers(t, {}, { "etc/passwd": zero })), /not a regular file/);
  assert.throws(() => find(layers(t, { "etc/passwd/x": "" })), /not a regular file/);
  assert.throws(() => find(layers(t, { "etc/passwd": sparse })), /is too large \(maximum 1048576 bytes\)/);
});

test("LayeredFiles: sees changes of the first layer, remembers the others", (t) => {
  const files = new LayeredFiles();
  const stack = layers(t, { "etc/x": "" }, { "etc/passwd": "lower" });
  assert.equal(files.find("etc/passwd", stack), "lower");

  writeFileSync(join(stack[1] ?? "", "etc/passwd"), "never happens");
  assert.equal(files.find("etc/passwd", stack), "lower");
  writeFileSync(join(stack[0] ?? "", "etc/passwd"), "upper");
  assert.equal(files.find("etc/passwd", stack), "upper");
});

test("resolveUser: reads the image's files out of its layers", async (t) => {
  const stack = layers(t, {}, { "etc/passwd": "app:x:5:6::/h:\n" }, { "etc/group": "extra:x:9:app\n" });

  assert.deepEqual(await resolveUser("app", ["extra"], stack), {
    uid: 5,
    gid: 6,
    additionalGids: [6, 9],
    home: "/h",
  });
});
