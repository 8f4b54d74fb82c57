import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import {
  dockerArchive,
  layerOf,
  ociImage,
  ociLayout,
  descriptorOf,
  ociManifestType,
} from "./archives.fixture.ts";
import { archiveEntries } from "./archive-reader.ts";
import { openTestImages, type TestImages } from "./test-images.fixture.ts";

const base = layerOf("base");
const images = dockerArchive([
  { layers: [base, layerOf("a")], tags: ["a:1", "a:2", "quay.io/x/a:1"] },
  { layers: [base, layerOf("b")], tags: ["b:1"] },
]);
const signal = new AbortController().signal;

async function save(world: TestImages, ...names: string[]): Promise<Buffer> {
  return Buffer.concat(await (await world.images.save(names, signal)).toArray());
}
async function filesOf(archive: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const source = (async function* () {
    yield archive;
  })();
  for await (const { entry, content } of archiveEntries(source))
    files.set(entry.path, Buffer.concat(await Array.fromAsync(content)));
  return files;
}

test("save: what is saved loads as the same images, from either reading of the archive", async () => {
  await using here = await openTestImages();
  await here.load(images);
  const archive = await save(here, "a:1", "b:1", "quay.io/x/a:1");
  await using there = await openTestImages();
  assert.equal(
    await there.load(archive),
    "Loaded image: a:1\nLoaded image: quay.io/x/a:1\nLoaded image: b:1\n",
  );
  assert.deepEqual(there.images.resolve("b:1"), here.images.resolve("b:1"));
  assert.deepEqual(there.images.resolve("a:1").manifest, here.images.resolve("a:1").manifest);
  assert.deepEqual(await save(there, "a:1", "b:1", "quay.io/x/a:1"), archive);
});

test("save: shared layers are there once, documents come first", async () => {
  await using world = await openTestImages();
  await world.load(images);
  const files = await filesOf(await save(world, "a:1", "b:1"));
  const paths = Array.from(files.keys());
  assert.equal(paths.filter((path) => /^blobs\/sha256\/./.test(path)).length, 3 + 2 + 2);
  assert.deepEqual(paths.slice(0, 4), ["oci-layout", "index.json", "manifest.json", "repositories"]);
  assert.deepEqual(Object.keys(JSON.parse(String(files.get("repositories"))) as object), ["a", "b"]);
});

test("save: a repository means its tags, an ID none", async () => {
  await using world = await openTestImages();
  await world.load(images);
  const tagsOf = async (name: string) => {
    const files = await filesOf(await save(world, name));
    const [entry] = JSON.parse(String(files.get("manifest.json"))) as { RepoTags: unknown }[];
    return entry?.RepoTags;
  };
  assert.deepEqual(await tagsOf("a"), ["a:1", "a:2"]);
  assert.deepEqual(await tagsOf("docker.io/library/a:2"), ["a:2"]);
  const { id } = world.images.resolve("a:1");
  assert.equal(await tagsOf(id), null);
  assert.equal(await tagsOf(id.slice(7, 19)), null);
});

test("save: an image that is not there is told before the first byte", async () => {
  await using world = await openTestImages();
  await assert.rejects(
    save(world, "a:1", "nope"),
    (error) => isFault(error, "not-found") && error.message === "reference does not exist",
  );
  await assert.rejects(
    save(world, "nosuch"),
    (error) => isFault(error, "not-found") && error.message === "No such image: nosuch",
  );
});

test("save: an image that is removed meanwhile is saved whole", async () => {
  await using world = await openTestImages();
  await world.load(images);
  const stream = await world.images.save(["b:1"], signal);
  await world.images.remove("b:1", { force: false, noprune: false });
  const archive = Buffer.concat(await stream.toArray());
  await using there = await openTestImages();
  assert.equal(await there.load(archive), "Loaded image: b:1\n");
});

test("save: a client that leaves lets the blobs go", async () => {
  await using world = await openTestImages();
  await world.load(images);
  const stream = await world.images.save(["a:1", "b:1"], signal);
  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.destroy();
  await closed;
  await world.images.prune({ all: true, matches: () => true });
  assert.deepEqual(await world.content.list(), []);
});

test("save: keeps manifests as they came", async () => {
  await using world = await openTestImages();
  const image = ociImage([base], { author: "me" });
  const annotations = { "io.containerd.image.name": "docker.io/library/o:1" };
  await world.load(ociLayout([descriptorOf(ociManifestType, image.manifest, { annotations })], image.blobs));
  await using there = await openTestImages();
  await there.load(await save(world, "o:1"));
  assert.equal(there.images.resolve("o:1").manifest, world.images.resolve("o:1").manifest);
});
