import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnwanted } from "./unwanted.ts";

test("isUnwanted: what is one machine's goes, what starts a machine stays", () => {
  for (const path of [
    "etc/passwd-",
    "etc/ssh/ssh_host_rsa_key.pub",
    "etc/systemd/system/multi-user.target.wants/ssh.service",
    "run/lock",
    "usr/lib/python3/dist-packages/jsonschema/validators.py",
    "usr/lib/udev/rules.d/60-drm.rules",
    "usr/lib/udev/rules.d/60-persistent-storage-tape.rules",
    "var/lib/apt/lists/partial",
    "var/log/dpkg.log",
  ])
    assert.ok(isUnwanted(path), path);
  for (const path of [
    "etc/ssh/sshd_config",
    "etc/cloud/cloud.cfg",
    "run",
    "usr/lib/udev/rules.d/60-persistent-storage.rules",
    "usr/lib/udev/rules.d/73-seat-late.rules",
    "usr/lib/udev/rules.d/75-net-description.rules",
    "usr/lib/udev/rules.d/99-systemd.rules",
    "var/lib/dpkg/status",
    "var/log",
    "var/log/journal",
  ])
    assert.ok(!isUnwanted(path), path);
});
