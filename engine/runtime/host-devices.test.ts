import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { DeviceMapping } from "#api/docker/container.ts";
import { mknod } from "#host/sys.ts";
import { readHostDevices } from "./host-devices.ts";
import { sampleHostConfig } from "./sample.contract.ts";

const read = (...Devices: readonly DeviceMapping[]) =>
  readHostDevices({ ...sampleHostConfig, Devices }).nodes;
const map = (PathOnHost: string, PathInContainer = "", CgroupPermissions = "") => ({
  PathOnHost,
  PathInContainer,
  CgroupPermissions,
});
const numbers = (nodes: ReturnType<typeof read>) =>
  nodes.map((node) => `${node.path} ${node.type} ${node.major}:${node.minor} ${node.access}`);

test("readHostDevices: nothing asked for is nothing looked at", () => {
  assert.deepEqual(readHostDevices(sampleHostConfig), { nodes: [], numbers: {} });
});

test("readHostDevices: a device, under its own or another name", () => {
  assert.deepEqual(numbers(read(map("/dev/null"), map("/dev/zero", "/dev/mine", "r"))), [
    "/dev/null c 1:3 rwm",
    "/dev/mine c 1:5 r",
  ]);
});

test("readHostDevices: all devices of a folder, and what a link points to", {
  skip: process.getuid?.() !== 0,
}, (t) => {
  const root = mkdtempSync(join(tmpdir(), "gantry-devices-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "sub"));
  mknod(join(root, "sub/one"), 0o20640, 1, 3);
  writeFileSync(join(root, "file"), "");
  symlinkSync("sub/one", join(root, "link"));

  assert.deepEqual(numbers(read(map(root, "/dev/x"))), ["/dev/x/sub/one c 1:3 rwm"]);
  assert.deepEqual(read(map(join(root, "link"), "/dev/y"))[0], {
    path: "/dev/y",
    hostPath: join(root, "sub", "one"),
    type: "c",
    major: 1,
    minor: 3,
    fileMode: 0o640,
    uid: 0,
    gid: 0,
    access: "rwm",
  });
  assert.throws(
    () => read(map(join(root, "file"))),
    /error gathering device information .*: not a device node/,
  );
});

test("readHostDevices: refuses what is not there and what cannot be in a container", () => {
  assert.throws(
    () => read(map("/dev/none")),
    /adding custom device "\/dev\/none": no such file or directory/,
  );
  assert.throws(() => read(map("/dev/null", "", "x")), /invalid device mode: x/);
  for (const path of ["dev/null", "/dev/../x"])
    assert.throws(() => read(map("/dev/null", path)), /not an absolute path/);
  const BlkioDeviceReadBps = [{ Path: "/dev/none", Rate: 1 }];
  assert.throws(() => readHostDevices({ ...sampleHostConfig, BlkioDeviceReadBps }), /stat \/dev\/none/);
});

test("readHostDevices: privileged has the host's devices but not its terminals", () => {
  const paths = readHostDevices({ ...sampleHostConfig, Privileged: true }).nodes.map((node) => node.path);

  assert.ok(paths.includes("/dev/null"));
  assert.ok(!paths.some((path) => path.startsWith("/dev/pts/") || path === "/dev/console"));
});
