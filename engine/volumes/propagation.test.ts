import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMounts } from "#host/mounts.ts";
import { mountOf } from "./propagation.ts";

const mounts = parseMounts(
  [
    "21 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    "22 21 0:20 / /srv/a\\040b rw shared:5 - tmpfs tmpfs rw",
    "23 21 0:21 / /srv rw master:3 propagate_from:2 - tmpfs shared:1 rw",
    "24 21 0:22 / /srv rw - tmpfs tmpfs rw",
    "",
  ].join("\n"),
);

test("mountOf: the deepest mount above a path, the last one at its place", () => {
  assert.equal(mountOf("/etc/x", mounts)?.target, "/");
  assert.deepEqual(mountOf("/srv/a b/c", mounts), { target: "/srv/a b", isShared: true, isSlave: false });
  assert.deepEqual(mountOf("/srv/other", mounts), { target: "/srv", isShared: false, isSlave: false });
  assert.equal(mountOf("/srvx", mounts)?.target, "/");
});
