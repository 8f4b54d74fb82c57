import assert from "node:assert/strict";
import { test } from "node:test";
import type { MountRequest } from "#api/docker/container.ts";
import { parseMountRequest } from "./mount-request.ts";
import { mergeTmpfsOptions, tmpfsOptionsOf } from "./tmpfs-options.ts";

test("parseMountRequest: refuses with the texts of dockerd", () => {
  for (const [request, reason] of [
    [{ Type: "bind", Target: "/x" }, "field Source must not be empty"],
    [{ Type: "bind", Source: "rel", Target: "/x" }, "invalid mount path: 'rel' mount path must be absolute"],
    [
      { Type: "volume", Target: "/x", ReadOnly: true },
      "must not set ReadOnly mode when using anonymous volumes",
    ],
    [{ Type: "tmpfs", Source: "a", Target: "/x" }, "field Source must not be specified"],
    [{ Type: "npipe", Target: "/x" }, "mount type unknown"],
    [{ Type: "volume", Source: "v", Target: "" }, "field Target must not be empty"],
    [{ Type: "volume", Target: "/x/.." }, "invalid specification: destination can't be '/'"],
    [
      { Type: "bind", Source: "/tmp", Target: "/x", BindOptions: { Propagation: "x" } },
      "invalid propagation mode: x",
    ],
    [{ Type: "volume", Target: "/x", BindOptions: {} }, "field BindOptions must not be specified"],
    [
      { Type: "volume", Source: "v", Target: "/x", VolumeOptions: { Subpath: "a/../../b" } },
      "subpath must be a relative path within the volume",
    ],
  ] as const satisfies readonly (readonly [MountRequest, string])[])
    assert.throws(() => parseMountRequest(request), {
      kind: "invalid",
      message: `invalid mount config for type "${request.Type}": ${reason}`,
    });
});

test("parseMountRequest: what read-only means for the mounts below a bind", () => {
  const bind = { Type: "bind", Source: "/s", Target: "/t", ReadOnly: true } as const;
  for (const [options, expected] of [
    [{}, "if-possible"],
    [{ NonRecursive: true }, "never"],
    [{ ReadOnlyNonRecursive: true }, "never"],
    [{ ReadOnlyForceRecursive: true }, "always"],
  ] as const) {
    const planned = parseMountRequest({ ...bind, BindOptions: options });
    assert.equal(planned.kind === "bind" && planned.readOnlyBelow, expected);
  }
  const contradiction = { ReadOnlyForceRecursive: true, Propagation: "rshared" };
  assert.throws(() => parseMountRequest({ ...bind, BindOptions: contradiction }), { kind: "invalid" });
});

test("mergeTmpfsOptions: the later of two that contradict stays, and defaults give way", () => {
  assert.deepEqual(mergeTmpfsOptions([]), ["noexec", "nosuid", "nodev", "rprivate"]);
  assert.deepEqual(mergeTmpfsOptions(["exec", "size=1m", "rw", "size=2m", "ro", ""]), [
    "nosuid",
    "nodev",
    "rprivate",
    "exec",
    "size=2m",
    "ro",
  ]);
  for (const option of ["foo", "bind", "size", "ro=1", "lowerdir=/", "constructor", "size=1\0"])
    assert.throws(() => mergeTmpfsOptions([option]), { kind: "invalid" });
});

test("tmpfsOptionsOf: sizes and modes as the kernel reads them", () => {
  const fixed = ["noexec", "nosuid", "nodev", "rprivate"];
  assert.deepEqual(tmpfsOptionsOf({ SizeBytes: 3 * 1024 ** 2, Mode: 0o1777 }, true), [
    ...fixed,
    "ro",
    "mode=1777",
    "size=3m",
  ]);
  assert.deepEqual(tmpfsOptionsOf({ SizeBytes: 1000, Options: [["exec"], ["uid", "5"]] }, false), [
    "nosuid",
    "nodev",
    "rprivate",
    "size=1000",
    "exec",
    "uid=5",
  ]);
  assert.throws(() => tmpfsOptionsOf({ SizeBytes: -1 }, false), { kind: "invalid" });
});
