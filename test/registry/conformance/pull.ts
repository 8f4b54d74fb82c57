import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { check } from "./check.ts";
import { codesOf, jsonOf, sha256, types } from "./target.ts";

/** @see OCI distribution-spec v1.1.1, pull */
export const pull = [
  check("end-1: /v2/ answers 200", async (target) => {
    assert.equal((await target.call("GET", "/v2/")).status, 200);
  }),
  check("end-2: GET of a blob answers its bytes, length and digest", async (target) => {
    const [name, content] = [target.name(), randomBytes(3000)];
    const digest = await target.pushBlob(name, content);
    const { status, headers, body } = await target.call("GET", `${name}/blobs/${digest}`);
    assert.deepEqual([status, headers["content-length"], body.equals(content)], [200, "3000", true]);
    assert.equal(headers["docker-content-digest"], digest);
  }),
  check("end-2: HEAD of a blob answers its length and digest without a body", async (target) => {
    const name = target.name();
    const digest = await target.pushBlob(name, randomBytes(77));
    const { status, headers, body } = await target.call("HEAD", `${name}/blobs/${digest}`);
    assert.deepEqual([status, headers["content-length"], body.length], [200, "77", 0]);
    assert.equal(headers["docker-content-digest"], digest);
  }),
  check("end-2: an empty blob is a blob", async (target) => {
    const name = target.name();
    const digest = await target.pushBlob(name, Buffer.alloc(0));
    const { status, body } = await target.call("GET", `${name}/blobs/${digest}`);
    assert.deepEqual([status, body.length], [200, 0]);
  }),
  check("end-2: a blob that is not there is 404 BLOB_UNKNOWN, by GET and HEAD", async (target) => {
    const path = `${target.name()}/blobs/${sha256("nothing")}`;
    const reply = await target.call("GET", path);
    assert.deepEqual([reply.status, codesOf(reply)], [404, ["BLOB_UNKNOWN"]]);
    assert.equal((await target.call("HEAD", path)).status, 404);
  }),
  check("end-2: a blob is read only through a repository that has it", async (target) => {
    const digest = await target.pushBlob(target.name(), randomBytes(10));
    assert.equal((await target.call("GET", `${target.name()}/blobs/${digest}`)).status, 404);
  }),
  check("end-2: what is no digest is 400 DIGEST_INVALID", async (target) => {
    const reply = await target.call("GET", `${target.name()}/blobs/sha256:abc`);
    assert.deepEqual([reply.status, codesOf(reply)], [400, ["DIGEST_INVALID"]]);
  }),
  check("end-2: Range from the middle, to an end, of the last bytes", async (target) => {
    const [name, content] = [target.name(), randomBytes(1000)];
    const path = `${name}/blobs/${await target.pushBlob(name, content)}`;
    for (const [range, first, last] of [
      ["bytes=0-0", 0, 0],
      ["bytes=100-199", 100, 199],
      ["bytes=990-", 990, 999],
      ["bytes=990-5000", 990, 999],
      ["bytes=-10", 990, 999],
    ] as const) {
      const { status, headers, body } = await target.call("GET", path, { headers: { Range: range } });
      assert.deepEqual([range, status], [range, 206]);
      assert.equal(headers["content-range"], `bytes ${first}-${last}/1000`);
      assert.ok(body.equals(content.subarray(first, last + 1)), range);
    }
  }),
  check("end-2: Range behind the end is 416", async (target) => {
    const name = target.name();
    const path = `${name}/blobs/${await target.pushBlob(name, randomBytes(10))}`;
    assert.equal((await target.call("GET", path, { headers: { Range: "bytes=10-" } })).status, 416);
  }),
  check("end-2: what a client has already is 304", async (target) => {
    const name = target.name();
    const digest = await target.pushBlob(name, randomBytes(10));
    const headers = { "If-None-Match": `"${digest}"` };
    assert.equal((await target.call("GET", `${name}/blobs/${digest}`, { headers })).status, 304);
  }),
  check(
    "end-3: GET of a manifest by tag and by digest answers the bytes that were pushed",
    async (target) => {
      const name = target.name();
      const { bytes, digest } = await target.pushImage(name, "v1");
      for (const reference of ["v1", digest]) {
        const { status, headers, body } = await target.call("GET", `${name}/manifests/${reference}`, {
          headers: { Accept: types.manifest },
        });
        assert.deepEqual([status, headers["content-type"], body.equals(bytes)], [200, types.manifest, true]);
        assert.equal(headers["docker-content-digest"], digest);
      }
    },
  ),
  check("end-3: HEAD of a manifest answers type, length and digest without a body", async (target) => {
    const name = target.name();
    const { bytes, digest } = await target.pushImage(name, "v1");
    const { status, headers, body } = await target.call("HEAD", `${name}/manifests/v1`, {
      headers: { Accept: types.manifest },
    });
    assert.deepEqual([status, headers["content-length"], body.length], [200, String(bytes.length), 0]);
    assert.deepEqual([headers["content-type"], headers["docker-content-digest"]], [types.manifest, digest]);
  }),
  check("end-3: a manifest that is not there is 404 MANIFEST_UNKNOWN, by GET and HEAD", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    for (const reference of ["v2", sha256("nothing")]) {
      const headers = { Accept: types.manifest };
      const reply = await target.call("GET", `${name}/manifests/${reference}`, { headers });
      assert.deepEqual([reply.status, codesOf(reply)], [404, ["MANIFEST_UNKNOWN"]]);
      assert.equal((await target.call("HEAD", `${name}/manifests/${reference}`, { headers })).status, 404);
    }
  }),
  check("end-3: what cannot be a tag is 404 when it is asked for", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    assert.equal((await target.call("GET", `${name}/manifests/.INVALID_MANIFEST_NAME`)).status, 404);
  }),
  check("end-3: without Accept an OCI manifest is answered", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    assert.equal((await target.call("GET", `${name}/manifests/v1`)).status, 200);
  }),
  check("end-3: Accept */* takes an OCI manifest", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    const headers = { Accept: "*/*" };
    assert.equal((await target.call("GET", `${name}/manifests/v1`, { headers })).status, 200);
  }),
  check("end-3: a client that takes no OCI manifests gets 404 for one", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    const headers = { Accept: types.docker };
    assert.equal((await target.call("GET", `${name}/manifests/v1`, { headers })).status, 404);
  }),
  check("end-3: several Accept types in one header, with weights", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    const headers = { Accept: `${types.list};q=0.5, ${types.manifest};q=0.1` };
    assert.equal((await target.call("GET", `${name}/manifests/v1`, { headers })).status, 200);
  }),
  check("end-3: a client without lists gets a list's image for linux/amd64", async (target) => {
    const name = target.name();
    const change = { mediaType: types.docker };
    const { bytes } = await pushDockerImage(target, name, change);
    const child = { mediaType: types.docker, digest: sha256(bytes), size: bytes.length };
    const platform = { os: "linux", architecture: "amd64" };
    const list = { schemaVersion: 2, mediaType: types.list, manifests: [{ ...child, platform }] };
    assert.equal((await target.pushManifest(name, "many", list, types.list)).status, 201);
    const { headers, body } = await target.call("GET", `${name}/manifests/many`, {
      headers: { Accept: types.docker },
    });
    assert.deepEqual([headers["content-type"], body.equals(bytes)], [types.docker, true]);
  }),
  check("names: what no repository can be called is refused", async (target) => {
    for (const name of ["UPPER", "a..b", "a/-b", "a//b", "a_-b", `a/${"b".repeat(256)}`]) {
      const { status } = await target.call("GET", `${name}/manifests/v1`);
      assert.ok(status >= 400 && status < 500, `${name}: ${status}`);
    }
  }),
  check("names: all that can be is taken, also words of the paths", async (target) => {
    const prefix = target.name();
    for (const last of ["a.b", "a__b", "a--b", "a-b.c_d", "blobs", "manifests/x", "blobs/uploads", "tags"]) {
      const name = `${prefix}/${last}`;
      const content = randomBytes(5);
      const digest = await target.pushBlob(name, content);
      assert.equal((await target.call("GET", `${name}/blobs/${digest}`)).status, 200, name);
    }
  }),
  check("errors: a body of JSON with code and message", async (target) => {
    const reply = await target.call("GET", `${target.name()}/manifests/v1`);
    const { errors } = jsonOf(reply) as { errors: { code: string; message: string }[] };
    assert.match(reply.headers["content-type"] ?? "", /^application\/json/);
    assert.ok(errors.every(({ code, message }) => /^[A-Z_]+$/.test(code) && message !== ""));
  }),
];

async function pushDockerImage(target: import("./target.ts").Target, name: string, change: object) {
  const image = await target.pushImage(name, "base");
  const bytes = Buffer.from(JSON.stringify({ ...image.manifest, ...change }));
  const reply = await target.call("PUT", `${name}/manifests/docker`, {
    headers: { "Content-Type": types.docker },
    body: bytes,
  });
  if (reply.status !== 201) throw new Error(`PUT of a Docker manifest: ${reply.status}`);
  return { bytes };
}
