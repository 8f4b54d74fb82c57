import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { findContentDigest, isRepositoryName, isTag } from "./names.ts";
import { findResource } from "./route.ts";

const digest = `sha256:${"0".repeat(64)}`;

test("findResource: every path of the specification", () => {
  assert.deepEqual(findResource("/v2/"), { kind: "base" });
  assert.deepEqual(findResource("/v2"), { kind: "base" });
  assert.deepEqual(findResource("/v2/_catalog"), { kind: "catalog" });
  assert.deepEqual(findResource(`/v2/a/b/blobs/${digest}`), { kind: "blob", name: "a/b", digest });
  assert.deepEqual(findResource("/v2/a/blobs/uploads/"), { kind: "uploads", name: "a" });
  assert.deepEqual(findResource("/v2/a/blobs/uploads"), { kind: "uploads", name: "a" });
  assert.deepEqual(findResource("/v2/a/blobs/uploads/id"), { kind: "upload", name: "a", id: "id" });
  assert.deepEqual(findResource("/v2/a/manifests/v1"), { kind: "manifest", name: "a", reference: "v1" });
  assert.deepEqual(findResource("/v2/a/tags/list"), { kind: "tags", name: "a" });
  assert.deepEqual(findResource(`/v2/a/referrers/${digest}`), { kind: "referrers", name: "a", digest });
});

test("findResource: names that contain the words of paths", () => {
  assert.deepEqual(findResource("/v2/a/blobs/blobs/x"), { kind: "blob", name: "a/blobs", digest: "x" });
  assert.deepEqual(findResource("/v2/blobs/uploads/blobs/uploads/"), {
    kind: "uploads",
    name: "blobs/uploads",
  });
  assert.deepEqual(findResource("/v2/manifests/manifests/tags/list"), {
    kind: "tags",
    name: "manifests/manifests",
  });
});

test("findResource: percent signs are read, and never lead out of a name", () => {
  assert.deepEqual(findResource("/v2/a/blobs/sha256%3Aabc"), {
    kind: "blob",
    name: "a",
    digest: "sha256:abc",
  });
  assert.equal(findResource("/v2/a/blobs/%"), undefined);
  for (const name of ["..%2fa", "a%2f..%2fb", "%2e%2e", "a%00b", "a%20b"])
    assert.throws(
      () => findResource(`/v2/${name}/tags/list`),
      (error) => isFault(error, "invalid"),
    );
});

test("findResource: no path makes it fail in any other way, and what it finds is well-formed", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "blobs",
      "manifests",
      "uploads",
      "tags",
      "list",
      "referrers",
      "..",
      "",
      "%2e",
      "a",
      digest,
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      try {
        const found = findResource(`/v2/${parts.join("/")}`);
        if (found !== undefined && "name" in found) assert.ok(isRepositoryName(found.name));
      } catch (error) {
        assert.ok(isFault(error, "invalid"), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("names: repositories, tags and digests as the specification has them", () => {
  for (const name of ["a", "a/b", "a.b", "a_b", "a__b", "a---b", "0/1", "a".repeat(255)])
    assert.ok(isRepositoryName(name), name);
  for (const name of [
    "",
    "/",
    "a/",
    "/a",
    "A",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a/_b",
    "a\n",
    "a".repeat(256),
    "é",
  ])
    assert.ok(!isRepositoryName(name), name);
  for (const tag of ["_", "A", "a.b-c", "9".repeat(128)]) assert.ok(isTag(tag), tag);
  for (const tag of ["", ".a", "-a", "a:b", "a/b", "a\n", "9".repeat(129)]) assert.ok(!isTag(tag), tag);
  assert.ok(findContentDigest(digest));
  assert.ok(findContentDigest(`sha512:${"a".repeat(128)}`));
  for (const text of [
    "sha256:A",
    `sha256:${"A".repeat(64)}`,
    `${digest}\n`,
    `sha512:${"a".repeat(64)}`,
    "md5:a",
    "",
  ])
    assert.equal(findContentDigest(text), undefined, text);
});

test("names: hostile ones are decided upon at once", () => {
  const before = performance.now();
  for (const text of ["a".repeat(100_000), "a-".repeat(50_000), "a/".repeat(50_000), "-".repeat(100_000)])
    for (const decide of [isRepositoryName, isTag, findContentDigest]) decide(text);
  assert.throws(() => findResource(`/v2/${"a/blobs/".repeat(100)}x`), /invalid repository name/);
  assert.ok(performance.now() - before < 1000);
});
