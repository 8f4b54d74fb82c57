import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { isAccepted } from "./accept.ts";
import { parseManifestDocument } from "./manifest-document.ts";
import { nextLink, parsePage } from "./paging.ts";
import { parsePasswordFile } from "./password-file.ts";

const hash = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

test("parsePasswordFile: what htpasswd -B writes, the first line of a name", () => {
  const users = parsePasswordFile(`# users\n\na:${hash}\r\nb:$6$salt$digest\na:$2y$05$other\n`);
  assert.deepEqual(
    [...users],
    [
      ["a", hash],
      ["b", "$6$salt$digest"],
    ],
  );
});

test("parsePasswordFile: passwords in the clear and weak hashes are refused with their line", () => {
  for (const line of [
    "a:secret",
    "a:{SHA}x",
    "a:$apr1$x$y",
    "a:$1$x$y",
    "a:",
    "a",
    ":$2y$05$x",
    "a:abJnggxhB/yWI",
  ])
    assert.throws(() => parsePasswordFile(`b:${hash}\n${line}`), /^Fault: line 2 /, line);
});

test("parsePage: n and last; what is no count is refused", () => {
  assert.deepEqual(parsePage(new URLSearchParams("n=5&last=a"), 100), { count: 5, after: "a" });
  assert.deepEqual(parsePage(new URLSearchParams("n=500"), 100), { count: 100, after: "" });
  assert.deepEqual(parsePage(new URLSearchParams(), 100), { count: 100, after: "" });
  for (const n of ["", "x", "-1", "1.5", "1e3", "9".repeat(20)])
    assert.throws(
      () => parsePage(new URLSearchParams({ n }), 100),
      (error) => isFault(error, "invalid"),
    );
});

test("nextLink: no name gets out of the angle brackets", () => {
  fc.assert(
    fc.property(fc.string(), (last) => {
      assert.match(nextLink("/v2/a/tags/list", { last }), /^<[^<>\r\n]*>; rel="next"$/);
    }),
  );
});

test("isAccepted: lists, weights, wildcards, nothing", () => {
  const type = mediaTypes.ociManifest;
  for (const accept of [
    undefined,
    "",
    "*/*",
    "application/*",
    type,
    `text/html, ${type};q=0.1`,
    type.toUpperCase(),
  ])
    assert.ok(isAccepted(accept, type), String(accept));
  for (const accept of ["text/html", "image/*", mediaTypes.dockerManifest, `${type}x`])
    assert.ok(!isAccepted(accept, type), accept);
});

const digest = `sha256:${"1".repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const parse = (document: unknown, type = "") =>
  parseManifestDocument(Buffer.from(JSON.stringify(document)), type);

test("parseManifestDocument: what a manifest names, once, and what it is about", () => {
  const layer = { ...config, digest: `sha512:${"2".repeat(128)}` };
  const subject = { ...config, digest: `sha256:${"3".repeat(64)}` };
  const document = { schemaVersion: 2, config, layers: [layer, layer, config], subject };
  assert.deepEqual(parse(document), {
    mediaType: mediaTypes.ociManifest,
    blobs: [config.digest, layer.digest],
    manifests: [],
    subject: subject.digest,
    artifactType: mediaTypes.ociConfig,
  });
});

test("parseManifestDocument: what could be read in two ways is refused", () => {
  for (const document of [
    null,
    [],
    {},
    { schemaVersion: 1, config, layers: [] },
    { schemaVersion: 2 },
    { schemaVersion: 2, config, layers: [], manifests: [] },
    { schemaVersion: 2, Config: config, config, layers: [] },
    { schemaVersion: 2, config, layers: {} },
    { schemaVersion: 2, config, layers: [null] },
    { schemaVersion: 2, config: { ...config, digest: "md5:1" }, layers: [] },
    { schemaVersion: 2, config: { ...config, size: -1 }, layers: [] },
    { schemaVersion: 2, config: { ...config, size: 1e300 }, layers: [] },
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, config, layers: [] },
    { schemaVersion: 2, mediaType: "text/plain", config, layers: [] },
    { schemaVersion: 2, config, layers: [], subject: "x" },
    { schemaVersion: 2, config, layers: [], annotations: { a: 1 } },
    { schemaVersion: 2, mediaType: mediaTypes.ociManifest, manifests: [] },
  ])
    assert.throws(
      () => parse(document),
      (error) => isFault(error) && error.detail["code"] === "MANIFEST_INVALID",
    );
  assert.throws(
    () => parse({ schemaVersion: 2, config, layers: [] }, mediaTypes.ociIndex),
    /manifest invalid/,
  );
});

test("parseManifestDocument: no document makes it fail in any other way", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue(),
      fc.constant(config),
      fc.array(tie("value")),
      fc.dictionary(key, tie("value")),
    ),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(key, value), (document) => {
      try {
        parse({ schemaVersion: 2, ...document });
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
  );
});

const key = fc.constantFrom(
  "config",
  "layers",
  "manifests",
  "subject",
  "mediaType",
  "digest",
  "size",
  "annotations",
  "artifactType",
  "urls",
  "platform",
  "__proto__",
  "toString",
  "schemaVersion",
);
