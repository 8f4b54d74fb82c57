import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { chainIdsOf } from "./chain-id.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { parseIndex, parseManifest, parseManifestOrIndex } from "./manifest.ts";
import { mediaTypes } from "./media-types.ts";
import { parseImageConfig } from "./parse-image-config.ts";

const digest = `sha256:${"a".repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 10 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  manifests: [
    {
      mediaType: mediaTypes.ociManifest,
      digest,
      size: 3,
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
    },
  ],
};
const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const refuses = (value: unknown, pattern: RegExp, expected?: string) =>
  assert.throws(
    () => parseManifestOrIndex(bytes(value), expected),
    (error) => isFault(error, "invalid") && pattern.test(error.message),
  );

test("parseManifest: reads OCI and Docker manifests", () => {
  assert.deepEqual(parseManifest(bytes(manifest)), {
    kind: "manifest",
    mediaType: mediaTypes.ociManifest,
    config,
    layers: [layer],
  });
  const docker = parseManifest(
    bytes({ ...manifest, mediaType: mediaTypes.dockerManifest }),
    mediaTypes.dockerManifest,
  );
  assert.equal(docker.mediaType, mediaTypes.dockerManifest);
});

test("parseIndex: reads platforms; a missing media type is the OCI one", () => {
  const parsed = parseIndex(bytes(index));
  assert.equal(parsed.mediaType, mediaTypes.ociIndex);
  assert.deepEqual(parsed.manifests[0]?.platform, { os: "linux", architecture: "arm64", variant: "v8" });
  assert.throws(() => parseManifest(bytes(index)), /got an index/);
  assert.throws(() => parseIndex(bytes(manifest)), /got a manifest/);
});

test("parseManifestOrIndex: refuses documents that two parsers could read differently", () => {
  refuses({ ...manifest, manifests: [] }, /ambiguous/);
  refuses({ ...manifest, mediaType: mediaTypes.ociIndex }, /contradicting/);
  refuses(manifest, /its descriptor says/, mediaTypes.ociIndex);
  refuses({ ...manifest, Layers: [] }, /"Layers"/);
  refuses(`{"schemaVersion":2,"schemaVersion":2,"config":{},"layers":[]}`, /twice/);
  refuses(`{"schemaVersion":2,"conf\\u0069g":{},"config":{},"layers":[]}`, /twice/);
  refuses({ ...manifest, config: { ...config, Digest: digest } }, /"Digest"/);
});

test("parseManifestOrIndex: refuses what is too large, long, deep or old", () => {
  refuses(`${JSON.stringify(manifest)}${" ".repeat(4 * 1024 * 1024)}`, /at most/);
  refuses({ ...manifest, layers: Array.from({ length: 10_000 }, () => layer) }, /at most 1000/);
  refuses("[".repeat(100_000), /deep/);
  refuses({ ...manifest, annotations: JSON.parse(`${'{"a":'.repeat(70)}1${"}".repeat(70)}`) }, /deep/);
  refuses({ schemaVersion: 1 }, /schema version 1/);
  refuses({ schemaVersion: 2 }, /neither/);
  refuses("nonsense", /not JSON/);
  refuses(Buffer.from([0x22, 0xff, 0x22]).toString("latin1"), /not an object/);
});

test("parseManifestOrIndex: refuses descriptors with impossible sizes and digests", () => {
  for (const size of [-1, 1.5, "3", null, 2 ** 60])
    refuses({ ...manifest, layers: [{ ...layer, size }] }, /size/);
  for (const bad of [
    "sha256:short",
    `sha512:${"a".repeat(128)}`,
    `sha256:${"A".repeat(64)}`,
    `sha256:../${"a".repeat(61)}`,
  ])
    refuses({ ...manifest, config: { ...config, digest: bad } }, /digest/);
});

test("parseManifestOrIndex: any document is parsed or refused as invalid", () => {
  const key = fc.constantFrom(
    "schemaVersion",
    "config",
    "layers",
    "manifests",
    "mediaType",
    "digest",
    "size",
    "x",
    "__proto__",
  );
  const leaf = fc.constantFrom<unknown>(
    2,
    1,
    -1,
    null,
    "",
    digest,
    [],
    {},
    config,
    [layer],
    mediaTypes.ociManifest,
  );
  const document = fc.dictionary(key, fc.oneof(leaf, fc.jsonValue()));
  fc.assert(
    fc.property(
      fc.oneof(
        document.map((d) => JSON.stringify(d)),
        fc.string(),
      ),
      (text) => {
        try {
          parseManifestOrIndex(bytes(text));
        } catch (error) {
          assert.ok(isFault(error, "invalid"), String(error));
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("parseImageConfig: takes nulls for absent and leaves out what it does not know", () => {
  const parsed = parseImageConfig(
    bytes({
      architecture: "amd64",
      os: null,
      config: {
        Cmd: null,
        Env: ["A=1"],
        Labels: null,
        Volumes: { "/v": null },
        Hostname: "x",
        Healthcheck: { Test: ["NONE"] },
      },
      container_config: { Cmd: ["x"] },
      rootfs: { type: "layers", diff_ids: null },
      history: [{ created: "2024-01-02T03:04:05.123456789Z", created_by: "x", empty_layer: true }],
      created: null,
    }),
  );
  assert.deepEqual(JSON.parse(JSON.stringify(parsed)), {
    architecture: "amd64",
    os: "linux",
    config: { Env: ["A=1"], Volumes: { "/v": {} }, Healthcheck: { Test: ["NONE"] } },
    rootfs: { type: "layers", diff_ids: [] },
    history: [{ created: "2024-01-02T03:04:05.123456789Z", created_by: "x", empty_layer: true }],
  });
});

test("parseImageConfig: refuses wrong types", () => {
  const base = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } };
  for (const wrong of [
    { rootfs: undefined },
    { rootfs: { type: "zip" } },
    { rootfs: { type: "layers", diff_ids: ["sha256:zz"] } },
    { config: { Env: "A=1" } },
    { config: { Cmd: [1] } },
    { config: { Labels: { a: {} } } },
    { config: { Healthcheck: { Interval: "5s" } } },
    { created: "yesterday" },
    { os: 5 },
    { history: {} },
  ])
    assert.throws(
      () => parseImageConfig(bytes({ ...base, ...wrong })),
      (error) => isFault(error, "invalid"),
      JSON.stringify(wrong),
    );
});

test("parseImageConfig: a label named __proto__ is a label", () => {
  const text = `{"rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":{"__proto__":"x"}}}`;
  const labels = parseImageConfig(bytes(text)).config?.Labels ?? {};
  assert.deepEqual(Object.entries(labels), [["__proto__", "x"]]);
  assert.equal(JSON.stringify(labels), `{"__proto__":"x"}`);
});

test("parseImageConfig: any document is parsed or refused as invalid", () => {
  const key = fc.constantFrom(
    "rootfs",
    "config",
    "history",
    "created",
    "os",
    "Env",
    "Labels",
    "diff_ids",
    "type",
  );
  const value = fc.oneof(fc.jsonValue(), fc.constant({ type: "layers", diff_ids: [digest] }));
  fc.assert(
    fc.property(fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value))), (document) => {
      try {
        parseImageConfig(bytes(document));
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("chainIdsOf: hashes the chain below with each diff ID", () => {
  const sha256 = (text: string) => parseDigest(`sha256:${createHash("sha256").update(text).digest("hex")}`);
  const [a, b, c] = ["a", "b", "c"].map((text) => sha256(text)) as [Digest, Digest, Digest];
  const ab = sha256(`${a} ${b}`);
  assert.deepEqual(chainIdsOf([a, b, c], sha256), [a, ab, sha256(`${ab} ${c}`)]);
  assert.deepEqual(chainIdsOf([], sha256), []);
});
