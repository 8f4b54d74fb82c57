import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, beforeEach, test } from "node:test";
import { copyFolder } from "./copy-folder.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";
const snapshots = mkdtempSync(join(tmpdir(), "gantry-copy-folder-"));
after(() => rmSync(snapshots, { recursive: true }));
const mount = { upper: "upper", work: "work", lower: ["b", "a"] };
const target = join(snapshots, "target");

beforeEach(() => {
  for (const name of ["upper", "work", "a", "b", "empty", "target"]) {
    rmSync(join(snapshots, name), { recursive: true, force: true });
    mkdirSync(join(snapshots, name));
  }
});

function folder(path: string, { uid = 7, mode = 0o2750, seconds = 1000 } = {}): void {
  const whole = join(snapshots, path);
  mkdirSync(whole, { recursive: true });
  chownSync(whole, uid, 8);
  chmodSync(whole, mode);
  utimesSync(whole, seconds, seconds);
}

const copied = () => {
  const { uid, gid, mode, mtimeMs } = statSync(target);
  return [uid, gid, mode & 0o7777, mtimeMs, readdirSync(target)];
};

test("copyFolder: an empty folder gives its owner, mode and time, from the topmost layer", {
  skip,
}, async (t) => {
  folder("a/srv/data", { uid: 1 });
  folder("b/srv/data");
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), [7, 8, 0o2750, 1_000_000, []]);
});

test("copyFolder: what another layer hides is not there, empty or not", { skip }, async (t) => {
  const before = copied();
  folder("a/srv/data");
  mkdirSync(join(snapshots, "b/srv"));
  execFileSync("mknod", [join(snapshots, "b/srv/data"), "c", "0", "0"]); // a whiteout
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), before);
});

test("copyFolder: a folder that has something in a lower layer only is copied", { skip }, async (t) => {
  folder("a/srv/data/deep");
  folder("a/srv/data", { uid: 1 });
  folder("b/srv/data");
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), [7, 8, 0o2750, 1_000_000, ["deep"]]);
});

test("copyFolder: what one layer has is copied as it is, links too", { skip }, async (t) => {
  folder("a/srv/data/deep", { mode: 0o700 });
  folder("a/srv/data");
  symlinkSync("/etc/passwd", join(snapshots, "a/srv/data/link"));
  writeFileSync(join(snapshots, "a/srv/data/deep/file"), "x", { mode: 0o4755 });
  linkSync(join(snapshots, "a/srv/data/deep/file"), join(snapshots, "a/srv/data/same"));
  utimesSync(join(snapshots, "a/srv/data"), 1000, 1000);
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), [7, 8, 0o2750, 1_000_000, ["deep", "link", "same"]]);
  assert.equal(readlinkSync(join(target, "link")), "/etc/passwd");
  assert.equal(statSync(join(target, "deep")).uid, 7);
  assert.equal(statSync(join(target, "deep/file")).ino, statSync(join(target, "same")).ino);
});

test("copyFolder: a whiteout in a layer is not copied", { skip }, async (t) => {
  folder("a/srv/data");
  execFileSync("mknod", [join(snapshots, "a/srv/data/gone"), "c", "0", "0"]);
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(readdirSync(target), []);
});

test("copyFolder: a way that leads through a link stays in the layers", { skip }, async (t) => {
  folder("a/srv/data/deep");
  symlinkSync("/srv", join(snapshots, "a/away"));
  await copyFolder({ snapshots, mount }, "/away/data", target, t.signal);
  assert.deepEqual(readdirSync(target), ["deep"]);
});

test("copyFolder: nothing happens where there is no folder", { skip }, async (t) => {
  const before = copied();
  folder("a/srv");
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), before);
});
