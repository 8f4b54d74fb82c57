import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDigest } from "#oci/digest.ts";
import { isFault } from "#base/fault.ts";
import { matchGlob } from "./glob.ts";
import type { ImageRecord } from "./images.ts";
import { filterImages, nameFilter, parseImageListFilter } from "./list-filter.ts";
import { imageHistory, imageInspect, imageSummary, layerUsers, sharedSizeOf } from "./views.ts";

const digest = (letter: string) => parseDigest(`sha256:${letter.repeat(64)}`);
const descriptor = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digest("b"),
  size: 500,
};
const image: ImageRecord = {
  id: digest("a"),
  manifest: digest("b"),
  descriptor,
  config: {
    created: "2024-05-06T07:08:09.5Z",
    architecture: "arm64",
    variant: "v8",
    os: "linux",
    config: { Cmd: ["sh"], Labels: { tier: "web" } },
    rootfs: { type: "layers", diff_ids: [digest("c"), digest("d")] },
    history: [
      { created: "2024-05-06T07:08:08Z", created_by: "ADD x" },
      { created: "2024-05-06T07:08:08Z", created_by: "ENV y", empty_layer: true },
      { created: "2024-05-06T07:08:09.5Z", created_by: "COPY z", comment: "done" },
    ],
  },
  layers: [
    { mediaType: "x", digest: digest("c"), size: 5, unpackedSize: 50 },
    { mediaType: "x", digest: digest("d"), size: 7, unpackedSize: 70 },
  ],
  chainIds: [digest("c"), digest("e")],
  size: 120,
  repoTags: ["nginx:1", "quay.io/a/b:2"],
  repoDigests: [],
};
const keysOf = (value: object) => new Set(Object.keys(value));
const at = (apiVersion: string) => ({ apiVersion, snapshotRoot: "/r/snapshots" });
const mount = { lower: ["2/fs", "1/fs"] };
const no = { sharedSize: -1, containers: -1 };

test("imageSummary: is what the list shows", () => {
  assert.deepEqual(imageSummary(image, at("1.51"), no), {
    Containers: -1,
    Created: 1714979289,
    Id: image.id,
    Labels: { tier: "web" },
    ParentId: "",
    Descriptor: descriptor,
    RepoDigests: [],
    RepoTags: ["nginx:1", "quay.io/a/b:2"],
    SharedSize: -1,
    Size: 120,
  });
});

test("imageSummary: follows the API's versions", () => {
  assert.ok(keysOf(imageSummary(image, at("1.43"), no)).has("VirtualSize"));
  assert.ok(!keysOf(imageSummary(image, at("1.47"), no)).has("Descriptor"));
  const bare = { ...image, repoTags: [] };
  assert.deepEqual((imageSummary(bare, at("1.42"), no) as { RepoTags: unknown }).RepoTags, ["<none>:<none>"]);
  assert.deepEqual((imageSummary(bare, at("1.43"), no) as { RepoTags: unknown }).RepoTags, []);
  const options = { ...no, manifestsWith: ["x"] };
  assert.ok(!keysOf(imageSummary(image, at("1.46"), options)).has("Manifests"));
  assert.ok(keysOf(imageSummary(image, at("1.47"), options)).has("Manifests"));
});

test("imageSummary: no digests are null before 1.43", () => {
  const digests = (version: string) =>
    (
      imageSummary({ ...image, repoDigests: [] }, at(version), { sharedSize: -1, containers: -1 }) as {
        readonly RepoDigests: unknown;
      }
    ).RepoDigests;
  assert.equal(digests("1.42"), null);
  assert.deepEqual(digests("1.43"), []);
});

test("imageInspect: gains and loses fields by version", () => {
  const keys = (version: string) => keysOf(imageInspect(image, at(version), { mount }));
  for (const [key, first, gone] of [
    ["VirtualSize", "1.24", "1.44"],
    ["ContainerConfig", "1.24", "1.45"],
    ["DockerVersion", "1.24", "1.52"],
    ["Descriptor", "1.48", undefined],
    ["Variant", "1.24", undefined],
  ] as const) {
    assert.equal(keys("1.24").has(key), first === "1.24", key);
    assert.ok(keys(first).has(key), key);
    if (gone !== undefined) assert.ok(!keys(gone).has(key), key);
  }
  const configKeys = (version: string) =>
    keysOf((imageInspect(image, at(version), { mount }) as { Config: object }).Config);
  assert.ok(configKeys("1.49").has("Hostname"));
  assert.ok(!configKeys("1.50").has("Hostname"));
});

test("imageInspect: shows folders as the overlay2 driver does", () => {
  const { GraphDriver } = imageInspect(image, at("1.51"), { mount }) as { GraphDriver: object };
  assert.deepEqual(GraphDriver, {
    Data: {
      LowerDir: "/r/snapshots/1/fs",
      MergedDir: "/r/snapshots/2/merged",
      UpperDir: "/r/snapshots/2/fs",
      WorkDir: "/r/snapshots/2/work",
    },
    Name: "overlay2",
  });
});

test("imageHistory: is newest first, sizes go to the entries that made layers", () => {
  const entry = { Comment: "", Id: "<missing>", Tags: null };
  assert.deepEqual(imageHistory(image), [
    {
      Comment: "done",
      Created: 1714979289,
      CreatedBy: "COPY z",
      Id: image.id,
      Size: 70,
      Tags: ["nginx:1", "quay.io/a/b:2"],
    },
    { ...entry, Created: 1714979288, CreatedBy: "ENV y", Size: 0 },
    { ...entry, Created: 1714979288, CreatedBy: "ADD x", Size: 50 },
  ]);
});

test("sharedSizeOf: counts layers that others have", () => {
  const other = { ...image, id: digest("f"), chainIds: [digest("c")], layers: image.layers.slice(0, 1) };
  assert.equal(sharedSizeOf(image, layerUsers([image, other])), 50);
  assert.equal(sharedSizeOf(image, layerUsers([image])), 0);
});

const older = {
  ...image,
  id: digest("1"),
  repoTags: [],
  config: { ...image.config, created: "2020-01-01T00:00:00Z" },
};
const list = (filters: Record<string, string[]>) => {
  const resolve = () => image;
  return filterImages([older, image], parseImageListFilter(filters, resolve, Number)).map(({ id }) => id);
};

test("filterImages: each filter lets through what Docker's does, newest first", () => {
  assert.deepEqual(list({}), [image.id, older.id]);
  assert.deepEqual(list({ dangling: ["true"] }), [older.id]);
  assert.deepEqual(list({ dangling: ["0"] }), [image.id]);
  assert.deepEqual(list({ before: ["x"] }), [older.id]);
  assert.deepEqual(list({ since: ["x"] }), []);
  assert.deepEqual(list({ until: [String(Date.parse("2021-01-01"))] }), [older.id]);
  assert.deepEqual(list({ label: ["tier"] }), [image.id, older.id]);
  assert.deepEqual(list({ label: ["tier=db"] }), []);
  assert.deepEqual(list({ label: ["tier=web", "constructor"] }), []);
  for (const pattern of ["nginx", "nginx:1", "ng*", "*:1", "quay.io/*/b", "quay.io/a/b:[12]"])
    assert.deepEqual(list({ reference: [pattern] }), [image.id], pattern);
  for (const pattern of ["a/b", "quay*", "nginx:2", "docker.io/library/nginx"])
    assert.deepEqual(list({ reference: [pattern] }), [], pattern);
  assert.deepEqual(image.repoTags.filter(nameFilter({ reference: ["ng*"] })), ["nginx:1"]);
});

test("parseImageListFilter: refuses what it does not know", () => {
  for (const filters of [{ nope: ["x"] }, { dangling: ["maybe"] }, { dangling: ["true", "false"] }] as Record<
    string,
    string[]
  >[])
    assert.throws(
      () => list(filters),
      (error) => isFault(error, "invalid"),
    );
  assert.throws(() => list({ reference: ["[a"] }), /syntax error in pattern/);
});

test("matchGlob: matches as Go's path.Match, in bounded time", () => {
  const yes = [
    "abc abc",
    "* abc",
    "*c abc",
    "a* a",
    "a*/b a/b",
    "a*b*c axbxc",
    "a? ab",
    "[a-c] b",
    "[^a] b",
    "a\\* a*",
    "[\\]a] ]",
    "*x*y*/z xxyy/z",
  ];
  const no = ["* a/b", "a*/b a/c/b", "a? a", "? /", "[a-c] d", "[^a] a", "ab abc", "abc ab", "a*b ab/"];
  for (const [cases, expected] of [
    [yes, true],
    [no, false],
  ] as const)
    for (const text of cases) {
      const [pattern = "", name = ""] = text.split(" ");
      assert.equal(matchGlob(pattern, name), expected, text);
    }
  for (const bad of ["[", "[a", "[]a]", "[-]", "[x-]", "[-x]", "a\\", "[\\"])
    assert.throws(() => matchGlob(bad, "a"), /syntax error/, bad);
  assert.equal(matchGlob("*a".repeat(2000), `${"a".repeat(1999)}b`), false);
});
