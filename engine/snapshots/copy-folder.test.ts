import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
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

test("copyFolder: nothing happens where there is no folder", { skip }, async (t) => {
  const before = copied();
  folder("a/srv");
  await copyFolder({ snapshots, mount }, "/srv/data", target, t.signal);
  assert.deepEqual(copied(), before);
});
