import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { inventoryOf, layer, type LayerEntry, pieces } from "./layers.fixture.ts";
import { takeInventory } from "./inventory.ts";

const status = "var/lib/dpkg/status";
const paragraph = (name: string, version: string, extra = "") =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n${extra}\n`;
const shown = async (...layers: readonly Buffer[]) =>
  (await inventoryOf(...layers)).packages.map(({ kind, name, version }) => `${kind} ${name} ${version}`);

test("inventory: dpkg's installed packages, not those of which the configuration is left", async () => {
  const text = [
    paragraph(
      "zlib1g",
      "1:1.2.13.dfsg-1",
      "Source: zlib\nMaintainer: M <m@debian.org>\nDescription: x\n more\n",
    ),
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n",
    paragraph("half", "2").replace("installed", "half-installed"),
  ].join("");
  const { packages } = await inventoryOf(layer({ path: status, content: text }));
  assert.deepEqual(packages, [
    {
      kind: "deb",
      name: "zlib1g",
      version: "1:1.2.13.dfsg-1",
      architecture: "amd64",
      publisher: "M <m@debian.org>",
      source: { name: "zlib", version: "1:1.2.13.dfsg-1" },
      licences: [],
      path: status,
      layer: 0,
    },
  ]);
});

test("inventory: an image without dpkg has its packages in status.d", async () => {
  assert.deepEqual(
    await shown(
      layer(
        {
          path: "./var/lib/dpkg/status.d/tzdata",
          content: "Package: tzdata\nVersion: 2024a\nArchitecture: all\n",
        },
        { path: "./var/lib/dpkg/status.d/tzdata.md5sums", content: "Package: no\nVersion: 1\n" },
      ),
    ),
    ["deb tzdata 2024a"],
  );
});

test("inventory: the topmost layer's database counts", async () => {
  const { packages } = await inventoryOf(
    layer({ path: status, content: paragraph("a", "1") + paragraph("b", "1") }),
    layer({ path: status, content: paragraph("a", "2") }),
  );
  assert.deepEqual(
    packages.map(({ name, version, layer: index }) => [name, version, index]),
    [["a", "2", 1]],
  );
});

const base: LayerEntry = { path: status, content: paragraph("a", "1") };
for (const [what, entries] of [
  ["a whiteout of the file", [{ path: "var/lib/dpkg/.wh.status" }]],
  ["a whiteout of a folder above", [{ path: "var/.wh.lib" }]],
  ["an opaque folder", [{ path: "var/lib/", type: "directory" }, { path: "var/lib/.wh..wh..opq" }]],
  ["an opaque root", [{ path: ".wh..wh..opq" }]],
  ["a link in a folder's place", [{ path: "var/lib", type: "symlink", link: "/elsewhere" }]],
  ["a folder in the file's place", [{ path: status, type: "directory" }]],
] as const satisfies readonly (readonly [string, readonly LayerEntry[]])[])
  test(`inventory: ${what} hides what is below`, async () => {
    assert.deepEqual(await shown(layer(base), layer(...entries)), []);
  });

test("inventory: a layer does not hide what it brings itself", async () => {
  const own = { path: status, content: paragraph("own", "1") };
  assert.deepEqual(await shown(layer(base), layer(own, { path: "var/lib/dpkg/.wh..wh..opq" })), [
    "deb own 1",
  ]);
});

test("inventory: licences come from copyright files, through links to another package's", async () => {
  const text =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n text\n\nLicense: Expat\n";
  const { packages } = await inventoryOf(
    layer(
      { path: status, content: paragraph("liba-dev", "1") + paragraph("old", "1") },
      { path: "usr/share/doc/liba/copyright", content: text },
      { path: "usr/share/doc/liba-dev", type: "symlink", link: "liba" },
      { path: "usr/share/doc/old/copyright", content: "see /usr/share/common-licenses/LGPL-2.1." },
    ),
  );
  const licence = (expression: string) => ({ kind: "expression", expression });
  assert.deepEqual(
    packages.map(({ licences }) => licences),
    [[licence("GPL-2.0-or-later"), licence("MIT")], [licence("LGPL-2.1-only")]],
  );
});

test("inventory: apk, npm and Python", async () => {
  const { packages, distribution } = await inventoryOf(
    layer(
      { path: "etc/os-release", content: 'ID=alpine\nVERSION_ID=3.20.1\nPRETTY_NAME="Alpine Linux v3.20"\n' },
      {
        path: "lib/apk/db/installed",
        content:
          "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\nP:libcrypto3\nV:3.3.1-r0\nA:x86_64\nL:Apache-2.0\no:openssl\n\n",
      },
      {
        path: "app/node_modules/@scope/a/package.json",
        content: '{"name":"@scope/a","version":"1.0.0","license":"(MIT OR Apache-2.0)"}',
      },
      {
        path: "app/node_modules/b/package.json",
        content: '{"name":"b","version":"2.0.0","licenses":[{"type":"BSD-3-Clause"}]}',
      },
      { path: "app/node_modules/b/lib/package.json", content: '{"name":"no","version":"1"}' },
      { path: "app/node_modules/c/package.json", content: "not json" },
      {
        path: "usr/lib/python3/dist-packages/Foo_Bar-1.dist-info/METADATA",
        content:
          "Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 1.0\nClassifier: License :: OSI Approved :: MIT License\n\nName: no\n",
      },
    ),
  );
  assert.equal(distribution?.versionId, "3.20.1");
  assert.deepEqual(
    packages.map(({ kind, name, version, licences }) => [
      kind,
      name,
      version,
      licences.map((one) => (one.kind === "named" ? one.name : one.expression)).join(),
    ]),
    [
      ["apk", "libcrypto3", "3.3.1-r0", "Apache-2.0"],
      ["apk", "musl", "1.2.5-r0", "MIT"],
      ["npm", "@scope/a", "1.0.0", "(MIT OR Apache-2.0)"],
      ["npm", "b", "2.0.0", "BSD-3-Clause"],
      ["pypi", "foo-bar", "1.0", "MIT"],
    ],
  );
});

test("inventory: modules of a Go program", async () => {
  const text = (value: string) => [
    Buffer.from([(value.length & 0x7f) | 0x80, value.length >> 7]),
    Buffer.from(value, "latin1"),
  ];
  const modules = `${"\x01".repeat(16)}path\texample.com/a\nmod\texample.com/a\t(devel)\t\ndep\tgolang.org/x/net\tv0.1.0\th1:x=\ndep\told.com/b\tv1.0.0\n=>\tnew.com/b\tv1.1.0\th1:y=\n${"\x02".repeat(16)}`;
  const info = Buffer.concat([
    Buffer.from("\xff Go buildinf:\x08\x02", "latin1"),
    Buffer.alloc(16),
    ...text("go1.26.1"),
    ...text(modules),
  ]);
  const program = Buffer.concat([
    Buffer.from("\x7fELF"),
    Buffer.from("code that looks for \xff Go buildinf:", "latin1"),
    Buffer.alloc(300_000),
  ]);
  info.copy(program, 16 * 6000);
  assert.deepEqual(await shown(layer({ path: "usr/bin/a", content: program, mode: 0o755 })), [
    "golang golang.org/x/net v0.1.0",
    "golang new.com/b v1.1.0",
    "golang stdlib 1.26.1",
  ]);
});

test("inventory: an RPM database of another kind is named, not passed over", async () => {
  const { unread } = await inventoryOf(layer({ path: "var/lib/rpm/Packages", content: "bdb" }));
  assert.match(unread[0]?.reason ?? "", /Berkeley DB/);
});

test("inventory: a database of absurd size is not read", async () => {
  const big = layer({ path: "app/node_modules/a/package.json", content: Buffer.alloc(2 << 20, 32) });
  const { unread, packages } = await inventoryOf(big);
  assert.equal(packages.length, 0);
  assert.deepEqual(
    unread.map(({ path }) => path),
    ["app/node_modules/a/package.json"],
  );
});

test("inventory: hundred thousand files and whiteouts of each take no longer than reading them", async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => `app/node_modules/p${index}`);
  const before = performance.now();
  const below = layer(
    ...many.map((path) => ({ path: `${path}/package.json`, content: '{"name":"a","version":"1"}' })),
  );
  const above = layer(...many.map((path) => ({ path: path.replace("modules/", "modules/.wh.") })));
  assert.deepEqual(await shown(below, above), []);
  assert.ok(performance.now() - before < 20_000);
});

test("inventory: a layer that is no archive, or stops in the middle, is an error", async () => {
  const whole = layer({ path: status, content: paragraph("a", "1").repeat(100) });
  for (const bytes of [Buffer.alloc(2048, 1), whole.subarray(0, 1500)])
    await assert.rejects(takeInventory([pieces(bytes)], AbortSignal.timeout(5000)), (error) =>
      isFault(error, "invalid"),
    );
});
