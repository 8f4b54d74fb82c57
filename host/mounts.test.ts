import assert from "node:assert/strict";
import { test } from "node:test";
import { hostMounts, mountsBelow, parseMounts } from "./mounts.ts";

test("parseMounts: optional fields alone tell how a mount propagates", () => {
  const mounts = parseMounts("23 21 0:21 / /srv rw master:3 propagate_from:2 - tmpfs shared:1 rw\n");
  assert.deepEqual(mounts, [{ target: "/srv", isShared: false, isSlave: true }]);
});

test("mountsBelow: a folder and what is in it, not what begins with its name", () => {
  assert.ok(hostMounts().some(({ target }) => target === "/proc"));
  assert.ok(mountsBelow("/proc").includes("/proc"));
  assert.deepEqual(mountsBelow("/pro"), []);
});
