import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import {
  configOf,
  descriptorOf,
  digestOfBytes,
  dockerArchive,
  layerOf,
  ociImage,
  ociIndexType,
  ociLayout,
  ociManifestType,
  tarOf,
} from "./archives.fixture.ts";
import { openTestImages } from "./test-images.fixture.ts";

const base = layerOf("base");
const top = layerOf("top");
const simple = dockerArchive([{ layers: [base, top], tags: ["busybox:1"] }]);
const idOf = (layers: readonly Uint8Array[], extra?: object) => digestOfBytes(configOf(layers, extra));

test("load: a Docker archive becomes an image with its name, its layers and its chain", async () => {
  await using world = await openTestImages();
  assert.equal(await world.load(simple), "Loaded image: busybox:1\n");
  const image = world.images.resolve("busybox:1");
  assert.equal(image.id, idOf([base, top]));
  assert.deepEqual(image.repoTags, ["busybox:1"]);
  assert.deepEqual(
    image.layers.map(({ digest, size }) => [digest, size]),
    [base, top].map((layer) => [digestOfBytes(layer), layer.length]),
  );
  assert.deepEqual(world.snapshots.unpacked, image.chainIds);
  assert.equal(image.chainIds[1], digestOfBytes(`${digestOfBytes(base)} ${digestOfBytes(top)}`));
  assert.equal(image.size, base.length + top.length);
  assert.deepEqual(world.events, [`load ${image.id} ${image.id}`]);
  assert.equal((await world.content.list()).length, 4);
});

test("load: records survive a restart", async () => {
  await using world = await openTestImages();
  await world.load(simple);
  assert.deepEqual(world.reopen().resolve("busybox:1"), world.images.resolve("busybox:1"));
});

test("load: any compression of the whole, and of layers", async () => {
  const byTool = (tool: string, input: Uint8Array) => spawnSync(tool, ["-c"], { input }).stdout;
  for (const pack of [
    gzipSync,
    (input: Uint8Array) => Buffer.concat([gzipSync(input.subarray(0, 1000)), gzipSync(input.subarray(1000))]),
    zstdCompressSync,
    (input: Uint8Array) => byTool("bzip2", input),
    (input: Uint8Array) => byTool("xz", input),
  ]) {
    await using world = await openTestImages();
    assert.equal(await world.load(pack(simple)), "Loaded image: busybox:1\n");
    const config = configOf([base]);
    const packed = tarOf(
      {
        path: "manifest.json",
        content: JSON.stringify([{ Config: "c.json", RepoTags: ["packed:1"], Layers: ["l"] }]),
      },
      { path: "./l", content: pack(base) },
      { path: "./c.json", content: config },
    );
    assert.equal(await world.load(packed), "Loaded image: packed:1\n");
  }
});

test("load: takes layers that are links to other images' layers, as old docker save writes them", async () => {
  await using world = await openTestImages();
  const config = configOf([base, base]);
  const archive = tarOf(
    { path: "aa/layer.tar", linkTo: "../bb/layer.tar" },
    { path: "bb/layer.tar", content: base },
    { path: "c.json", content: config },
    {
      path: "manifest.json",
      content: JSON.stringify([
        { Config: "c.json", RepoTags: null, Layers: ["aa/layer.tar", "bb/layer.tar"] },
      ]),
    },
  );
  assert.equal(await world.load(archive), `Loaded image ID: ${digestOfBytes(config)}\n`);
});

test("load: a name that moves is told, the old image stays without it", async () => {
  await using world = await openTestImages();
  await world.load(simple);
  const before = world.images.resolve("busybox:1");
  const said = await world.load(dockerArchive([{ layers: [base], tags: ["busybox:1", "x/y:2"] }]));
  assert.equal(
    said,
    `The image busybox:1 already exists, renaming the old one with ID ${before.id} to empty string\nLoaded image: busybox:1\nLoaded image: x/y:2\n`,
  );
  assert.equal(world.images.resolve("busybox:1").id, idOf([base]));
  assert.deepEqual(world.images.findById(before.id)?.repoTags, []);
});

test("load: twice at once and again gives one image", async () => {
  await using world = await openTestImages();
  await Promise.all([world.load(simple), world.load(simple)]);
  await world.load(simple);
  assert.equal(world.images.list().length, 1);
  assert.equal(world.snapshots.unpacked.length >= 2, true);
});

test("load: an OCI layout takes names from annotations and the platform from the index", async () => {
  await using world = await openTestImages();
  const amd = ociImage([base]);
  const arm = ociImage([top], { architecture: "arm64" });
  const attestation = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociIndexType,
    manifests: [
      descriptorOf(ociManifestType, attestation, { platform: { os: "unknown", architecture: "unknown" } }),
      descriptorOf(ociManifestType, arm.manifest, { platform: { os: "linux", architecture: "arm64" } }),
      descriptorOf(ociManifestType, amd.manifest, { platform: { os: "linux", architecture: "amd64" } }),
    ],
  });
  const annotations = {
    "io.containerd.image.name": "docker.io/library/multi:3",
    "org.opencontainers.image.ref.name": "3",
  };
  const archive = ociLayout(
    [descriptorOf(ociIndexType, index, { annotations })],
    [...amd.blobs, ...arm.blobs, index],
  );
  assert.equal(await world.load(archive), "Loaded image: multi:3\n");
  const image = world.images.resolve("multi:3");
  assert.equal(image.config.architecture, "amd64");
  assert.equal(image.manifest, digestOfBytes(amd.manifest));
});

test("load: an OCI layout without anything for the platform says so; a lone image is taken as it is", async () => {
  await using world = await openTestImages();
  const arm = ociImage([top], { architecture: "arm64" });
  const ppc = ociImage([base], { architecture: "ppc64le" });
  const annotations = { "org.opencontainers.image.ref.name": "quay.io/a/b:1" };
  const entry = (image: { manifest: string }) =>
    descriptorOf(ociManifestType, image.manifest, { annotations });
  await assert.rejects(
    world.load(ociLayout([entry(arm), entry(ppc)], [...arm.blobs, ...ppc.blobs])),
    /no matching manifest for linux\/amd64/,
  );
  assert.equal(await world.load(ociLayout([entry(arm)], arm.blobs)), "Loaded image: quay.io/a/b:1\n");
});

test("load: a bare tag is no name", async () => {
  await using world = await openTestImages();
  const image = ociImage([base]);
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  const archive = ociLayout([descriptorOf(ociManifestType, image.manifest, { annotations })], image.blobs);
  assert.match(await world.load(archive), /^Loaded image ID: sha256:[0-9a-f]{64}\n$/);
});

const lie = ociImage([base]);
const broken: Readonly<Record<string, Uint8Array>> = {
  "nothing at all": Buffer.alloc(0),
  "no archive": Buffer.from("this is not a tar archive ".repeat(40)),
  "an archive of something else": tarOf({ path: "a", content: "b" }),
  "half an archive": simple.subarray(0, simple.length - 2500),
  "a broken gzip": gzipSync(simple).subarray(0, -20),
  "a manifest that is no list": tarOf({ path: "manifest.json", content: "{}" }),
  "a missing config": tarOf({ path: "manifest.json", content: `[{"Config":"x","Layers":[]}]` }),
  "a missing layer": tarOf(
    { path: "manifest.json", content: `[{"Config":"c","Layers":["x"]}]` },
    { path: "c", content: configOf([base]) },
  ),
  "too few layers": tarOf(
    { path: "manifest.json", content: `[{"Config":"c","Layers":[]}]` },
    { path: "c", content: configOf([base]) },
  ),
  "a layer with another diff ID": tarOf(
    { path: "manifest.json", content: `[{"Config":"c","Layers":["l"]}]` },
    { path: "c", content: configOf([base]) },
    { path: "l", content: top },
  ),
  "links in a circle": tarOf(
    { path: "a", linkTo: "b" },
    { path: "b", linkTo: "a" },
    { path: "manifest.json", content: `[{"Config":"a","Layers":[]}]` },
  ),
  "a bad tag": dockerArchive([{ layers: [base], tags: ["Upper:1"] }]),
  "a tag without a tag": dockerArchive([{ layers: [base], tags: ["busybox"] }]),
  "a blob under a false name": tarOf({ path: `blobs/sha256/${"a".repeat(64)}`, content: "b" }),
  "a descriptor with a false size": ociLayout(
    [descriptorOf(ociManifestType, lie.manifest, { size: 5 })],
    lie.blobs,
  ),
  "a layout of the future": tarOf({ path: "oci-layout", content: `{"imageLayoutVersion":"2.0.0"}` }),
  "a layout without images": ociLayout([], []),
  "an index that leads nowhere": ociLayout([descriptorOf(ociManifestType, "gone")], []),
  "too many layers": dockerArchive([{ layers: Array.from({ length: 128 }, () => base), tags: [] }]),
};
for (const [what, archive] of Object.entries(broken))
  test(`load: refuses ${what} and leaves nothing`, async () => {
    await using world = await openTestImages();
    await assert.rejects(world.load(archive), (error) => isFault(error, "invalid"));
    assert.deepEqual(world.images.list(), []);
    assert.deepEqual(await world.content.list(), []);
    assert.deepEqual(world.snapshots.list(), []);
  });

test("load: one bad image among good ones leaves none", async () => {
  await using world = await openTestImages();
  const archive = dockerArchive([
    { layers: [base], tags: ["good:1"] },
    {
      layers: [top],
      tags: ["bad:1"],
      extra: { rootfs: { type: "layers", diff_ids: [digestOfBytes(base)] } },
    },
  ]);
  await assert.rejects(world.load(archive), (error) => isFault(error, "invalid"));
  assert.deepEqual(world.images.list(), []);
  assert.deepEqual(await world.content.list(), []);
});

test("load: what the archive holds beyond its images does not stay", async () => {
  await using world = await openTestImages();
  const config = configOf([base]);
  await world.load(
    tarOf(
      { path: "extra", content: Buffer.alloc(200_000) },
      { path: "l", content: base },
      { path: "c", content: config },
      { path: "manifest.json", content: `[{"Config":"c","Layers":["l"],"RepoTags":["a:1"]}]` },
    ),
  );
  await world.images.collect();
  assert.deepEqual(
    (await world.content.list()).map(({ digest }) => digest).toSorted(),
    [world.images.resolve("a:1").manifest, digestOfBytes(base), digestOfBytes(config)].toSorted(),
  );
});

test("load: an abort while the client keeps us waiting ends it and leaves nothing", async () => {
  await using world = await openTestImages();
  const abort = new AbortController();
  const source = Readable.from(
    (async function* () {
      yield simple.subarray(0, 1500);
      setImmediate(() => abort.abort());
      await new Promise(() => {});
    })(),
  );
  await assert.rejects(world.images.load(source, { report: () => {} }, abort.signal), { name: "AbortError" });
  assert.deepEqual(await world.content.list(), []);
});

test("load: an archive with any one byte changed is loaded whole or refused as invalid", async () => {
  await using world = await openTestImages();
  await fc.assert(
    fc.asyncProperty(fc.nat(simple.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const changed = Buffer.from(simple);
      changed[at] = (changed[at] ?? 0) ^ mask;
      try {
        await world.load(changed);
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
      for (const { chainIds, id } of world.images.list()) {
        assert.ok(await world.content.find(id));
        for (const chainId of chainIds) assert.ok(world.snapshots.hasLayer(chainId));
      }
      await world.images.prune({ all: true, matches: () => true });
    }),
    { numRuns: 150 },
  );
  await world.images.collect();
  assert.deepEqual(await world.content.list(), []);
});

test("load: pieces of any size make no difference", async (t) => {
  await using world = await openTestImages();
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(sizes, async (pieces) => {
      function* cut() {
        for (let at = 0, turn = 0; at < simple.length; turn++) {
          const size = pieces[turn % pieces.length] ?? 1;
          yield simple.subarray(at, at + size);
          at += size;
        }
      }
      await world.images.load(Readable.from(cut()), { report: () => {} }, t.signal);
      assert.equal(world.images.resolve("busybox:1").id, idOf([base, top]));
    }),
    { numRuns: 10 },
  );
});
