import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { dockerArchive, layerOf } from "./archives.fixture.ts";
import { openTestImages, type TestImages } from "./test-images.fixture.ts";

const base = layerOf("base");
const plain = { force: false, noprune: false };
const forced = { force: true, noprune: false };

async function worldWith(...tags: string[]): Promise<TestImages> {
  const world = await openTestImages();
  await world.load(dockerArchive([{ layers: [base, layerOf("top")], tags }]));
  world.events.length = 0;
  return world;
}
const refuses = (promise: Promise<unknown>, message: string) =>
  assert.rejects(
    promise,
    (error) => isFault(error, "conflict") && (assert.equal(error.message, message), true),
  );

test("remove: the last name takes the image and its layers, top first", async () => {
  await using world = await worldWith("a:1");
  const { id, chainIds } = world.images.resolve("a:1");
  assert.deepEqual(await world.images.remove("a:1", plain), [
    { Untagged: "a:1" },
    { Deleted: id },
    { Deleted: chainIds[1] },
    { Deleted: chainIds[0] },
  ]);
  assert.deepEqual(world.events, [`untag ${id} ${id}`, `delete ${id} ${id}`]);
  assert.deepEqual(await world.content.list(), []);
  await assert.rejects(world.images.remove("a:1", plain), (error) => isFault(error, "not-found"));
});

test("remove: one name of several is only untagged", async () => {
  await using world = await worldWith("a:1", "b:1");
  assert.deepEqual(await world.images.remove("b:1", plain), [{ Untagged: "b:1" }]);
  assert.deepEqual(world.images.resolve("a:1").repoTags, ["a:1"]);
});

test("remove: layers that another image has stay", async () => {
  await using world = await worldWith("a:1");
  await world.load(dockerArchive([{ layers: [base], tags: ["b:1"] }]));
  const { id, chainIds } = world.images.resolve("a:1");
  assert.deepEqual((await world.images.remove(id.slice(7, 19), plain)).slice(1), [
    { Deleted: id },
    { Deleted: chainIds[1] },
  ]);
  assert.ok(world.snapshots.hasLayer(chainIds[0] ?? ""));
});

test("remove: by ID with names in several repositories needs force", async () => {
  await using world = await worldWith("a:1", "b:1");
  const { id } = world.images.resolve("a:1");
  const short = id.slice(7, 19);
  await refuses(
    world.images.remove(short, plain),
    `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
  );
  const removed = await world.images.remove(id, forced);
  assert.deepEqual(removed.slice(0, 3), [{ Untagged: "a:1" }, { Untagged: "b:1" }, { Deleted: id }]);
});

test("remove: a container's image keeps its last name, unless forced; then layers stay for the container", async () => {
  await using world = await worldWith("a:1");
  const { id, chainIds } = world.images.resolve("a:1");
  const container = "c".repeat(64);
  world.containers.push({ image: id, id: container, isRunning: false });
  await world.snapshots.prepare(container, chainIds[1]);
  await refuses(
    world.images.remove("a:1", plain),
    `conflict: unable to remove repository reference "a:1" (must force) - container cccccccccccc is using its referenced image ${id.slice(7, 19)}`,
  );
  await refuses(
    world.images.remove(id, plain),
    `conflict: unable to delete ${id.slice(7, 19)} (must be forced) - image is being used by stopped container cccccccccccc`,
  );
  assert.deepEqual(await world.images.remove("a:1", forced), [{ Untagged: "a:1" }, { Deleted: id }]);
  assert.ok(world.snapshots.hasLayer(chainIds[1] ?? ""));
  await world.snapshots.remove(container);
  await world.images.collect();
  assert.deepEqual(world.snapshots.list(), []);
});

test("remove: a running container's image cannot be deleted, but loses its name by force", async () => {
  await using world = await worldWith("a:1");
  const { id } = world.images.resolve("a:1");
  world.containers.push({ image: id, id: "d".repeat(64), isRunning: true });
  await refuses(
    world.images.remove(id, forced),
    `conflict: unable to delete ${id.slice(7, 19)} (cannot be forced) - image is being used by running container dddddddddddd`,
  );
  assert.deepEqual(await world.images.remove("a:1", forced), [{ Untagged: "a:1" }]);
  assert.deepEqual(world.images.findById(id)?.repoTags, []);
});

test("tag: names an image, moves names, tells when", async () => {
  await using world = await worldWith("a:1");
  const { id } = world.images.resolve("a:1");
  await world.images.tag("a:1", "localhost:5000/b", "2");
  await world.images.tag(id, "c", "");
  const image = world.images.resolve("localhost:5000/b:2");
  assert.deepEqual(image.repoTags, ["a:1", "c:latest", "localhost:5000/b:2"]);
  assert.equal(image.lastTaggedAt, "2025-01-01T00:00:00.000Z");
  assert.deepEqual(world.events, [`tag ${id} localhost:5000/b:2`, `tag ${id} c:latest`]);
  await world.load(dockerArchive([{ layers: [base], tags: ["d:1"] }]));
  await world.images.tag("d:1", "a", "1");
  assert.notEqual(world.images.resolve("a:1").id, id);
  assert.deepEqual(world.reopen().findById(id)?.repoTags, ["c:latest", "localhost:5000/b:2"]);
});

test("tag: refuses what is no name", async () => {
  await using world = await worldWith("a:1");
  for (const [repository, tag] of [
    ["sha256", ""],
    ["A", ""],
    ["a", "b c"],
    [`a@sha256:${"a".repeat(64)}`, ""],
  ] as const)
    await assert.rejects(world.images.tag("a:1", repository, tag), (error) => isFault(error, "invalid"));
  await assert.rejects(world.images.tag("nope", "b", ""), /No such image: nope:latest/);
});

test("resolve: by names, IDs and prefixes; in Docker's words when there is none", async () => {
  await using world = await worldWith("a:latest", "quay.io/x/y:2");
  const image = world.images.resolve("a");
  const [, hex = ""] = image.id.split(":");
  for (const name of [
    "a:latest",
    "docker.io/library/a",
    "quay.io/x/y:2",
    image.id,
    hex,
    hex.slice(0, 12),
    `sha256:${hex.slice(0, 8)}`,
    `a@${image.manifest}`,
    `a:9@${image.manifest}`,
  ])
    assert.equal(world.images.resolve(name), image, name);
  const message = (name: string) => {
    try {
      return world.images.resolve(name).id;
    } catch (error) {
      return isFault(error) ? `${error.kind}: ${error.message}` : error;
    }
  };
  const other = "0".repeat(64);
  assert.equal(message("nope"), "not-found: No such image: nope:latest");
  assert.equal(message("quay.io/x/y"), "not-found: No such image: quay.io/x/y:latest");
  assert.equal(message(other), `not-found: No such image: sha256:${other}`);
  assert.equal(message(`b@${image.manifest}`), `not-found: No such image: b@${image.manifest}`);
  assert.equal(
    message("A B"),
    "invalid: invalid reference format: repository name (library/A B) must be lowercase",
  );
});

test("prune: removes dangling images only, or all that nobody uses", async () => {
  await using world = await worldWith("a:1");
  const first = world.images.resolve("a:1");
  await world.load(dockerArchive([{ layers: [layerOf("new")], tags: ["a:1"] }]));
  const everything = { matches: () => true };
  const until = Date.parse("2020-01-01T00:00:00Z");
  assert.deepEqual(await world.images.prune({ all: false, until, ...everything }), { removed: [], bytes: 0 });
  assert.deepEqual(await world.images.prune({ all: false, matches: ({ made }) => made === "elsewhere" }), {
    removed: [],
    bytes: 0,
  });
  const { removed, bytes } = await world.images.prune({ all: false, ...everything });
  assert.deepEqual(
    removed,
    [first.id, ...first.chainIds.toReversed()].map((id) => ({ Deleted: id })),
  );
  assert.ok(bytes > first.size);
  const { id } = world.images.resolve("a:1");
  world.containers.push({ image: id, id: "e".repeat(64), isRunning: false });
  assert.deepEqual((await world.images.prune({ all: true, ...everything })).removed, []);
  world.containers.length = 0;
  assert.deepEqual((await world.images.prune({ all: true, ...everything })).removed.slice(0, 2), [
    { Untagged: "a:1" },
    { Deleted: id },
  ]);
  assert.deepEqual(await world.content.list(), []);
});
