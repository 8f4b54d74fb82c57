import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { isFault } from "#base/fault.ts";
import { digestOfBytes, layerOf } from "./archives.fixture.ts";
import { openTestImages } from "./test-images.fixture.ts";

const rootfs = layerOf("rootfs");
const signal = new AbortController().signal;

test("import: a root file system becomes an image of one layer", async () => {
  await using world = await openTestImages();
  const id = await world.images.importRootfs(
    Readable.from([gzipSync(rootfs)]),
    {
      reference: "mine:1",
      message: "by hand",
      changes: ['CMD ["/bin/sh"]', "ENV A=1\nENV B=2"],
      platform: "linux/arm64",
    },
    signal,
  );
  const image = world.images.resolve("mine:1");
  assert.equal(image.id, id);
  assert.deepEqual(image.config, {
    created: "2025-01-01T00:00:00.000Z",
    os: "linux",
    architecture: "arm64",
    config: { Cmd: ["/bin/sh"], Env: ["A=1", "B=2"] },
    rootfs: { type: "layers", diff_ids: [digestOfBytes(rootfs)] },
    history: [{ created: "2025-01-01T00:00:00.000Z", comment: "by hand" }],
  });
  assert.deepEqual(image.chainIds, [digestOfBytes(rootfs)]);
  assert.deepEqual(world.events, [`import ${id} ${id}`]);
});

test("import: without a name or changes", async () => {
  await using world = await openTestImages();
  const id = await world.images.importRootfs(Readable.from([rootfs]), { changes: [] }, signal);
  assert.deepEqual(world.images.findById(id)?.repoTags, []);
});

test("import: a bad request is refused before anything is read", async () => {
  await using world = await openTestImages();
  const refuse = (options: object) => {
    const archive = Readable.from(
      (async function* () {
        yield assert.fail("was read");
      })(),
    );
    return assert.rejects(world.images.importRootfs(archive, { changes: [], ...options }, signal), (error) =>
      isFault(error, "invalid"),
    );
  };
  await refuse({ reference: "Mine" });
  await refuse({ platform: "windows/amd64" });
  await refuse({ changes: ["RUN rm -rf /"] });
});

test("import: a broken archive leaves nothing", async () => {
  await using world = await openTestImages();
  const archive = Readable.from([gzipSync(rootfs).subarray(0, -9)]);
  await assert.rejects(world.images.importRootfs(archive, { changes: [] }, signal), (error) =>
    isFault(error, "invalid"),
  );
  assert.deepEqual(await world.content.list(), []);
});
