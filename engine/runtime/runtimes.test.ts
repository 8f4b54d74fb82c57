import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { Runtimes } from "./runtimes.ts";

const installed =
  (...paths: readonly string[]) =>
  (path: string) =>
    paths.includes(path);
const both = installed("/usr/bin/crun", "/usr/sbin/runc");

test("Runtimes: crun is the usual one, runc where it is not there, and Docker's names mean something", () => {
  const usual = new Runtimes({ added: [] }, both);
  assert.equal(usual.get("").path, "/usr/bin/crun");
  assert.equal(usual.get("io.containerd.runc.v2").path, "/usr/sbin/runc");
  assert.equal(new Runtimes({ added: [] }, installed("/usr/sbin/runc")).get("").dialect, "runc");
  assert.equal(new Runtimes({ added: [] }, installed("/usr/bin/crun")).get("runc").dialect, "crun");
});

test("Runtimes: more of them, by what they are called, and another default", () => {
  const runtimes = new Runtimes(
    { added: ["safe=/opt/runsc", "mine=/opt/crun-1.2", "other=/opt/youki"], defaultName: "safe" },
    both,
  );
  assert.deepEqual(
    ["", "mine", "other"].map((name) => runtimes.get(name).dialect),
    ["runsc", "crun", "runc"],
  );
  assert.equal(runtimes.sealed.path, "/usr/bin/crun");
  assert.deepEqual(runtimes.list()["safe"], { path: "/opt/runsc" });
});

test("Runtimes: what makes no sense is refused", () => {
  const refused = (options: ConstructorParameters<typeof Runtimes>[0], isThere = both) =>
    assert.throws(() => new Runtimes(options, isThere), isFault);
  for (const text of ["x", "=/x", "x=relative", "a b=/x", "x=/a\0b"]) refused({ added: [text] });
  refused({ added: [], defaultName: "nope" });
  refused({ added: [] }, installed());
  assert.throws(() => new Runtimes({ added: [] }, both).get("nope"), /unknown or invalid runtime name: nope/);
});
