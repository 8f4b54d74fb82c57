import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { parseBind, parseVolumesFrom } from "./bind-text.ts";

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isFault(error, "invalid")) return error.message;
    throw error;
  }
  return "accepted";
}

test("parseBind: a folder of the host, with Docker's defaults", () => {
  assert.deepEqual(parseBind("/src/../data/:/x//y/", ""), {
    kind: "bind",
    destination: "/x/y",
    isReadOnly: false,
    mode: "",
    source: "/data",
    propagation: "rprivate",
    isRecursive: true,
    readOnlyBelow: "if-possible",
    createsSource: true,
  });
});

test("parseBind: a named and an anonymous volume", () => {
  assert.deepEqual(parseBind("data:/x:ro,nocopy", ""), {
    kind: "volume",
    destination: "/x",
    isReadOnly: true,
    mode: "ro,nocopy",
    name: "data",
    driver: "",
    isFilled: false,
  });
  assert.deepEqual(parseBind("/x", "local"), {
    kind: "volume",
    destination: "/x",
    isReadOnly: false,
    mode: "z",
    driver: "local",
    isFilled: true,
  });
});

test("parseBind: refuses with the texts of dockerd", () => {
  for (const [raw, message] of [
    [
      "x:/",
      `invalid volume specification: 'x:/': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
    ],
    [
      "x:y",
      `invalid volume specification: 'x:y': invalid mount config for type "volume": invalid mount path: 'y' mount path must be absolute`,
    ],
    [
      "/:/",
      `invalid volume specification: '/:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    ],
    ["/a:/b:ro,rw", "invalid mode: ro,rw"],
    ["/a:/b:zz", "invalid mode: zz"],
    [
      "vol1:/y:rshared",
      `invalid volume specification: 'vol1:/y:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
    ],
    [
      "/a:/y:nocopy",
      `invalid volume specification: '/a:/y:nocopy': invalid mount config for type "bind": field VolumeOptions must not be specified`,
    ],
    [":/y", "invalid volume specification: ':/y'"],
    ["/a:/b:c:d", "invalid volume specification: '/a:/b:c:d'"],
    ["/foo:rw", "invalid volume specification: '/foo:rw'"],
    ["/a:", "invalid volume specification: '/a:'"],
    ["", "invalid volume specification: ''"],
  ] as const)
    assert.equal(
      refusal(() => parseBind(raw, "")),
      message,
    );
});

test("parseBind: takes any mode with one word of a kind, and no other", () => {
  const kinds = [
    ["ro", "rw"],
    ["z", "Z"],
    ["private", "rprivate", "slave", "rslave", "shared", "rshared"],
    ["consistent", "cached", "delegated"],
  ];
  const words = fc.array(fc.constantFrom(...kinds.flat(), "bogus", "constructor"), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(words, (mode) => {
      const used = mode.map((word) => kinds.findIndex((kind) => kind.includes(word)));
      const isValid = !used.includes(-1) && new Set(used).size === used.length;
      const message = refusal(() => parseBind(`/a:/b:${mode.join(",")}`, ""));
      assert.equal(message, isValid ? "accepted" : `invalid mode: ${mode.join(",")}`);
    }),
  );
});

test("parseBind: of any text, either refused as invalid or a clean absolute destination", () => {
  const text = fc
    .array(fc.constantFrom("/", ":", ".", "..", "a", "vol", "ro", ",", "\0", "é", " "))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (raw) => {
      if (refusal(() => parseBind(raw, "")) !== "accepted") return;
      const mount = parseBind(raw, "");
      assert.match(mount.destination, /^(\/[^/\0]+)+$/);
      assert.ok(!mount.destination.split("/").includes(".."));
      if (mount.kind === "bind") assert.ok(mount.source.startsWith("/") && !mount.source.includes("\0"));
    }),
  );
});

test("parseVolumesFrom: a container and an access mode", () => {
  assert.deepEqual(parseVolumesFrom("web"), { container: "web", isReadOnly: false });
  assert.deepEqual(parseVolumesFrom("web:ro,z"), { container: "web", isReadOnly: true });
  assert.equal(
    refusal(() => parseVolumesFrom("")),
    "volumes-from specification cannot be an empty string",
  );
  for (const mode of ["foo", "rshared", "nocopy"])
    assert.equal(
      refusal(() => parseVolumesFrom(`x:${mode}`)),
      `invalid mode: ${mode}`,
    );
});
