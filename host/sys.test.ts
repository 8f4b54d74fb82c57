import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  deviceNumber,
  findXattr,
  listXattrs,
  MNT_DETACH,
  MS,
  mknod,
  mount,
  openAt,
  RESOLVE,
  removeXattr,
  setTimes,
  setTimesOf,
  setXattr,
  splitDevice,
  syncFileSystem,
  umount,
} from "./sys.ts";

function folder(t: { after(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), "gantry-sys-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const isRoot = process.getuid?.() === 0;

test("sys: a failing call throws an error like those of node:fs", () => {
  assert.throws(() => setXattr("/nonexistent/x", "user.a", Buffer.from("b")), {
    code: "ENOENT",
    errno: -2,
    syscall: "lsetxattr",
    path: "/nonexistent/x",
  });
});

test("sys: a path with a NUL is refused, as text and as bytes", () => {
  assert.throws(() => listXattrs("/tmp\0/x"), { code: "EINVAL" });
  assert.throws(() => listXattrs(Buffer.from("/tmp\0/x")), { code: "EINVAL" });
});

test("setTimes: nanoseconds arrive exactly, a link's own times change and not its target's", (t) => {
  const file = join(folder(t), "file");
  const link = `${file}-link`;
  writeFileSync(file, "");
  symlinkSync(file, link);
  setTimes(file, { seconds: 1, nanoseconds: 999_999_999 }, { seconds: -5, nanoseconds: 123_456_789 });
  setTimes(link, { seconds: 7, nanoseconds: 0 }, { seconds: 4_000_000_000, nanoseconds: 1 });
  assert.equal(lstatSync(file, { bigint: true }).mtimeNs, -5_000_000_000n + 123_456_789n);
  assert.equal(lstatSync(file, { bigint: true }).atimeNs, 1_999_999_999n);
  assert.equal(lstatSync(link, { bigint: true }).mtimeNs, 4_000_000_000_000_000_001n);
});

test("setTimesOf: sets the times of an open file", (t) => {
  const fd = openSync(join(folder(t), "file"), "w");
  setTimesOf(fd, { seconds: 1, nanoseconds: 2 }, { seconds: 3, nanoseconds: 4 });
  syncFileSystem(fd);
  closeSync(fd);
});

test("xattrs: binary values and long ones survive; what is not there is undefined", {
  skip: !isRoot,
}, (t) => {
  const file = join(folder(t), "fil\u00e9");
  writeFileSync(file, "");
  const value = Buffer.alloc(3000, 0).fill(0xff, 10, 20);
  setXattr(Buffer.from(file), "trusted.test", value);
  assert.deepEqual(findXattr(file, "trusted.test"), value);
  assert.deepEqual(listXattrs(file), ["trusted.test"]);
  removeXattr(file, "trusted.test");
  assert.equal(findXattr(file, "trusted.test"), undefined);
});

test("mknod: makes an overlay whiteout, character device 0:0", { skip: !isRoot }, (t) => {
  const path = join(folder(t), "gone");
  mknod(path, constants.S_IFCHR, 0, 0);
  assert.ok(lstatSync(path).isCharacterDevice());
  assert.equal(lstatSync(path, { bigint: true }).rdev, 0n);
});

test("mount: umount takes back what it did; a busy one says so unless it is detached", {
  skip: !isRoot,
}, (t) => {
  const path = folder(t);
  mount("tmpfs", path, "tmpfs", MS.NOSUID | MS.NODEV, "size=64k");
  const fd = openSync(join(path, "file"), "w");
  assert.throws(() => umount(path), { code: "EBUSY" });
  umount(path, MNT_DETACH);
  closeSync(fd);
  assert.throws(() => umount(path), { code: "EINVAL" });
});

test("deviceNumber: splitDevice is its inverse for every size of major and minor", () => {
  for (const [major, minor] of [
    [0, 0],
    [8, 1],
    [259, 70000],
    [0xfffff, 0xfffff],
  ] as const)
    assert.deepEqual(splitDevice(deviceNumber(major, minor)), { major, minor });
});

test("openAt: a path that leaves the folder is refused", (t) => {
  const path = folder(t);
  symlinkSync("/etc", join(path, "out"));
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  t.after(() => closeSync(fd));
  const how = { flags: constants.O_RDONLY, resolve: RESOLVE.BENEATH };
  assert.throws(() => openAt(fd, "out/passwd", how), { code: "EXDEV" });
  assert.throws(() => openAt(fd, "../x", how), { code: "EXDEV" });
});
