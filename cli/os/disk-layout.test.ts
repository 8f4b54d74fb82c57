import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { cpioArchive } from "./cpio.ts";
import { planDisk } from "./disk-image.ts";
import { planLinuxImage } from "./linux-image.ts";
import { unifiedKernel } from "./unified-kernel.ts";

const mebibyte = 1 << 20;

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-disk-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A header of the boot protocol, three sectors that run in real mode, and five bytes that do not. */
function newKernel(): Buffer {
  const kernel = Buffer.alloc(3 * 512 + 5, 7);
  kernel[0x1f1] = 2;
  kernel.write("HdrS", 0x202, "latin1");
  kernel.writeUInt16LE(0x20f, 0x206);
  kernel[0x211] = 1;
  kernel.writeUInt32LE(2047, 0x238);
  kernel.writeBigUInt64LE(16n << 20n, 0x258);
  kernel.writeUInt32LE(mebibyte + 1, 0x260);
  return kernel;
}

/** A program for UEFI with one section and room for others. */
function newStub(): Buffer {
  const stub = Buffer.alloc(1024 + 100);
  stub.writeUInt32LE(64, 0x3c);
  stub.write("PE\0\0", 64, "latin1");
  stub.writeUInt16LE(1, 70);
  stub.writeUInt16LE(112, 84);
  stub.writeUInt16LE(0x20b, 88);
  stub.writeUInt32LE(4096, 88 + 32);
  stub.writeUInt32LE(1024, 88 + 60);
  stub.write(".text", 200, "latin1");
  stub.writeUInt32LE(5000, 208);
  stub.writeUInt32LE(4096, 212);
  return stub;
}

test("planLinuxImage: sets what a boot loader sets, and puts the RAM disk behind the kernel", () => {
  const { setup, ...rest } = planLinuxImage(newKernel(), "quiet", 99);
  assert.deepEqual(rest, {
    setupAddress: 0x10000,
    commandLine: Buffer.from("quiet\0"),
    commandLineAddress: 0x1e000,
    restAt: 1536,
    restAddress: mebibyte,
    initrdAddress: 18 * mebibyte,
  });
  assert.deepEqual([setup[0x210], setup[0x211], setup.readUInt16LE(0x224)], [0xff, 0x81, 0xde00]);
  assert.deepEqual(
    [0x218, 0x21c, 0x228].map((at) => setup.readUInt32LE(at)),
    [18 * mebibyte, 99, 0x1e000],
  );
});

test("planLinuxImage: refuses what is no kernel, an old one, and a line that is too long", () => {
  const old = newKernel();
  old.writeUInt16LE(0x20b, 0x206);
  for (const [kernel, line] of [
    [Buffer.alloc(9), ""],
    [Buffer.alloc(4096), ""],
    [old, ""],
    [newKernel(), "x".repeat(2048)],
  ] as const)
    assert.throws(
      () => planLinuxImage(kernel, line, 1),
      (error) => isFault(error, "invalid"),
    );
});

test("unifiedKernel: adds sections behind those of the stub, in the file and in memory", () => {
  const parts = [Buffer.alloc(700, 1), Buffer.alloc(5000, 2)] as const;
  const { bytes, at } = unifiedKernel(newStub(), [
    [".cmdline", parts[0]],
    [".linux", parts[1]],
  ]);
  assert.deepEqual(at, { ".cmdline": 1536, ".linux": 2560 });
  assert.equal(bytes.readUInt16LE(70), 3);
  assert.ok(bytes.subarray(1536, 1536 + 700).equals(parts[0]) && bytes.subarray(2560, 7560).equals(parts[1]));
  assert.deepEqual(
    [252, 292].map((place) => bytes.readUInt32LE(place)),
    [12_288, 16_384],
  );
  assert.equal(bytes.readUInt32LE(88 + 56), 16_384 + 8192);
  const full = newStub();
  full.writeUInt32LE(270, 88 + 60);
  assert.throws(
    () =>
      unifiedKernel(full, [
        [".a", parts[0]],
        [".b", parts[0]],
      ]),
    /no room/,
  );
});

test("planDisk: other programs read its partitions and the file system that UEFI starts from", (t) => {
  const folder = newFolder(t);
  const boot = { kernel: newKernel(), initrd: Buffer.alloc(3 * mebibyte, 9), stub: newStub() };
  const plan = planDisk(
    { ...boot, osRelease: Buffer.from("ID=debian\n"), commandLine: "quiet" },
    { signature: 0x12345678, diskBytes: 64 * mebibyte, seconds: 1_700_000_000 },
  );
  const disk = Buffer.alloc(64 * mebibyte);
  for (const [sector, bytes] of plan.head) bytes.copy(disk, sector * 512);
  const path = join(folder, "disk");
  writeFileSync(path, disk);
  const columns = ["partx", "--noheadings", "--raw", "--output", "START,TYPE,UUID", path] as const;
  const partitions = execFileSync(columns[0], columns.slice(1), { encoding: "utf8" });
  assert.equal(partitions, `2048 0xef 12345678-01\n${plan.rootSector} 0x83 12345678-02\n`);
  assert.equal(plan.rootSector * 512 + plan.rootBytes, 64 * mebibyte);
  const volume = join(folder, "volume");
  writeFileSync(volume, disk.subarray(mebibyte, plan.rootSector * 512));
  execFileSync("fsck.fat", ["-n", volume]);
  assert.ok(disk.subarray(0, plan.rootSector * 512).includes(boot.initrd));
});

test("cpioArchive: cpio unpacks it", (t) => {
  const folder = newFolder(t);
  const archive = cpioArchive([
    { path: "a", type: "directory" },
    { path: "a/b", type: "file", mode: 0o755, bytes: Buffer.from("12345") },
  ]);
  mkdirSync(join(folder, "out"));
  execFileSync("busybox", ["cpio", "-id"], {
    cwd: join(folder, "out"),
    input: archive,
    stdio: ["pipe", "ignore", "ignore"],
  });
  assert.equal(readFileSync(join(folder, "out/a/b"), "utf8"), "12345");
});
