import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { type TarEntry, textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader } from "#oci/tar/writer.ts";
import { DetachWatch, parseDetachKeys } from "./detach-keys.ts";
import { extractTree } from "./extract-tree.ts";
import { packBytes, packTree } from "./pack-tree.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-streams-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("DetachWatch: passes what is typed on, but for the keys", () => {
  const watch = new DetachWatch(parseDetachKeys("ctrl-p,ctrl-q"));
  const take = (...bytes: number[]) => {
    const { pass, isDetached } = watch.take(Uint8Array.from(bytes));
    return [[...pass], isDetached];
  };
  assert.deepEqual(take(97, 16), [[97], false]);
  assert.deepEqual(take(98), [[16, 98], false]);
  assert.deepEqual(take(16, 16, 17), [[16], true]);
});

test("parseDetachKeys: letters and control keys", () => {
  assert.deepEqual([...parseDetachKeys("a,ctrl-b,ctrl-[")], [97, 2, 27]);
  assert.throws(() => parseDetachKeys("ctrl-!"), { message: "Unknown character: 'ctrl-!'" });
});

test("packTree, extractTree: files, folders and links come back as they were", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "from/sub"), { recursive: true });
  writeFileSync(join(folder, "from/sub/file"), "content");
  symlinkSync("sub/file", join(folder, "from/link"));
  mkdirSync(join(folder, "to"));
  const options = { folder: join(folder, "to"), rename: (path: string) => path, keepsOwner: false };
  assert.equal(await extractTree(packTree(join(folder, "from"), { name: "x" }), options), 7);
  assert.equal(readFileSync(join(folder, "to/x/sub/file"), "utf8"), "content");
  assert.equal(readlinkSync(join(folder, "to/x/link")), "sub/file");
});

const entry = (type: TarEntry["type"], path: string, linkPath = ""): Uint8Array =>
  tarHeader({
    type,
    path: textOfBytes(Buffer.from(path)),
    linkPath,
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  });

test("extractTree: nothing goes outside, by dots or through a link", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "in"));
  const options = { folder: join(folder, "in"), rename: (path: string) => path, keepsOwner: false };
  const archives = [
    [...packBytes("../evil", Buffer.from("x"))],
    [entry("symlink", "way", "/"), ...packBytes("way/evil", Buffer.from("x"))],
    [entry("symlink", "way", ".."), ...packBytes("way/evil", Buffer.from("x"))],
    [entry("link", "copy", "../../etc/passwd")],
  ];
  for (const pieces of archives)
    await assert.rejects(
      extractTree(
        (async function* () {
          yield* pieces;
          yield tarEnd;
        })(),
        options,
      ),
      (error) => isFault(error, "invalid"),
    );
  assert.equal(existsSync(join(folder, "evil")), false);
});
