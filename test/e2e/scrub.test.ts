import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  descriptorOf,
  digestOfBytes,
  ociImage,
  ociLayout,
  ociManifestType,
  tarOf,
} from "#engine/images/archives.fixture.ts";
import { EngineUnderTest } from "../support/engine.ts";

const imageCount = 10;
const layersEach = 10;
const name = (index: number) => `docker.io/acme/app:${index}`;
const layersOf = (index: number) =>
  Array.from({ length: layersEach }, (_, layer) =>
    tarOf({ path: `file-${index}-${layer}`, content: `${index} ${layer} `.repeat(300) }),
  );

/** One bit, and the times as they were. */
function bend(path: string, at: number): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const index = at % bytes.length;
  bytes[index] = (bytes[index] ?? 0) ^ 4;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

interface Found {
  readonly image: string;
  readonly problems: readonly string[];
}

/** What the daemon has said that it found, by all its lives. */
function found(engine: EngineUnderTest): readonly Found[] {
  const lines = engine.log.split("\n").filter((line) => line.includes("image found altered on disk"));
  return lines.map((line) => JSON.parse(line) as Found);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("scrubber: 100 bits in layers and blobs are found by itself, told, remembered and refused", async () => {
  await using engine = await EngineUnderTest.start("10.238.0.1/16", undefined, ["--scrub", "3s"]);
  const images = Array.from({ length: imageCount }, (_, index) => ociImage(layersOf(index)));
  const entries = images.map(({ manifest }, index) =>
    descriptorOf(ociManifestType, manifest, { annotations: { "io.containerd.image.name": name(index) } }),
  );
  const archive = ociLayout(
    entries,
    images.flatMap(({ blobs }) => blobs),
  );
  const { body } = await engine.upload("POST", "/images/load", Readable.from([archive]));
  assert.match(body, /Loaded image/);

  const unpacked = readdirSync(join(engine.root, "snapshots"), { recursive: true, encoding: "utf8" });
  const since = String(Math.floor(Date.now() / 1000) - 1);
  for (let index = 0; index < imageCount; index++)
    for (const [layer, bytes] of layersOf(index).entries()) {
      // A look that is under way has a copy of its own.
      const inLayers = unpacked.filter((path) => path.endsWith(`/file-${index}-${layer}`));
      assert.ok(inLayers.length > 0);
      const blob = join(engine.root, "blobs/sha256", digestOfBytes(bytes).slice(7));
      const places = index === 0 ? inLayers.map((path) => join(engine.root, "snapshots", path)) : [blob];
      for (const place of places) if (existsSync(place)) bend(place, index * 97 + layer * 31);
    }
  await until(() => new Set(found(engine).map(({ image }) => image)).size === imageCount);

  // A first look may have come between two bends of an image: all of them are found by one that comes after.
  for (let index = 0; index < imageCount; index++) {
    const id = digestOfBytes(images[index]?.blobs[0] ?? "");
    if (found(engine).some(({ image, problems }) => image === id && problems.length === layersEach)) continue;
    const { json } = await engine.api("GET", `/images/acme/app:${index}/verify`);
    assert.equal(
      (json as { readonly Problems: readonly string[] }).Problems.length,
      layersEach,
      `app:${index}`,
    );
  }
  const told = await engine.api(
    "GET",
    `/events?since=${since}&until=${Math.floor(Date.now() / 1000) + 1}&filters={"event":["alter"]}`,
  );
  assert.equal(told.body.match(/"Action":"alter"/g)?.length, imageCount);
  await engine.stop("SIGKILL");
  await engine.up();
  const { json } = await engine.api("GET", "/images/acme/app:3/trust");
  assert.equal((json as { readonly Trusted: boolean }).Trusted, false);
  assert.match(JSON.stringify(json), /found altered on disk/);
  const refusal = await engine.api("POST", "/containers/create", { Image: "acme/app:4", Cmd: ["x"] });
  assert.equal(refusal.status, 400, refusal.body);
});

test("scrubber: a sound store is left alone, and --scrub off looks at nothing", async () => {
  await using engine = await EngineUnderTest.start("10.239.0.1/16", undefined, ["--scrub", "off"]);
  const image = ociImage(layersOf(1));
  const entry = descriptorOf(ociManifestType, image.manifest, {
    annotations: { "io.containerd.image.name": name(1) },
  });
  await engine.upload("POST", "/images/load", Readable.from([ociLayout([entry], image.blobs)]));
  const { json } = await engine.api("GET", "/images/acme/app:1/trust");
  assert.equal((json as { readonly Trusted: boolean }).Trusted, true);
  assert.deepEqual(found(engine), []);
});
