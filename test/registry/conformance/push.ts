import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { check } from "./check.ts";
import {
  codesOf,
  descriptorOf,
  manifestOf,
  octets,
  sha256,
  sha512,
  type Target,
  types,
  withQuery,
} from "./target.ts";

/** @see OCI distribution-spec v1.1.1, push */
export const push = [
  check("end-4a: POST begins an upload", async (target) => {
    const { status, headers } = await target.call("POST", `${target.name()}/blobs/uploads/`, { body: "" });
    assert.equal(status, 202);
    assert.match(headers.location ?? "", /\/blobs\/uploads\//);
  }),
  check("end-4b: POST with a digest takes a whole blob, or begins an upload", async (target) => {
    const [name, content] = [target.name(), randomBytes(500)];
    const path = withQuery(`${name}/blobs/uploads/`, { digest: sha256(content) });
    const { status, headers } = await target.call("POST", path, { headers: octets, body: content });
    assert.ok(status === 201 || status === 202, String(status));
    assert.ok(headers.location);
    if (status === 202) return;
    assert.equal((await target.call("HEAD", `${name}/blobs/${sha256(content)}`)).status, 200);
  }),
  check("end-4b: POST with a digest takes the blob at once", async (target) => {
    const [name, content] = [target.name(), randomBytes(500)];
    const path = withQuery(`${name}/blobs/uploads/`, { digest: sha256(content) });
    assert.equal((await target.call("POST", path, { headers: octets, body: content })).status, 201);
  }),
  check("end-4b: POST with a wrong digest keeps nothing", async (target) => {
    const [name, content] = [target.name(), randomBytes(500)];
    const digest = sha256("other");
    const path = withQuery(`${name}/blobs/uploads/`, { digest });
    await target.call("POST", path, { headers: octets, body: content });
    assert.equal((await target.call("HEAD", `${name}/blobs/${digest}`)).status, 404);
    assert.equal((await target.call("HEAD", `${name}/blobs/${sha256(content)}`)).status, 404);
  }),
  check("end-6: PUT ends an upload with all of it", async (target) => {
    const [name, content] = [target.name(), randomBytes(2000)];
    const location = withQuery(await target.begin(name), { digest: sha256(content) });
    const { status, headers } = await target.call("PUT", location, { headers: octets, body: content });
    assert.equal(status, 201);
    assert.equal(headers["docker-content-digest"], sha256(content));
    assert.ok((await target.call("GET", headers.location ?? "")).body.equals(content));
  }),
  check(
    "end-6: PUT with a digest that is not the content's is 400 DIGEST_INVALID, and keeps nothing",
    async (target) => {
      const name = target.name();
      const digest = sha256("other");
      const location = withQuery(await target.begin(name), { digest });
      const reply = await target.call("PUT", location, { headers: octets, body: "content" });
      assert.deepEqual([reply.status, codesOf(reply)], [400, ["DIGEST_INVALID"]]);
      assert.equal((await target.call("HEAD", `${name}/blobs/${digest}`)).status, 404);
    },
  ),
  check("end-6: PUT without a digest, or with what is none, is 400 DIGEST_INVALID", async (target) => {
    for (const query of [{}, { digest: "sha256:12" }, { digest: "md5:abc" }] as const) {
      const location = withQuery(await target.begin(target.name()), query);
      const reply = await target.call("PUT", location, { headers: octets, body: "content" });
      assert.deepEqual([reply.status, codesOf(reply)], [400, ["DIGEST_INVALID"]]);
    }
  }),
  check("end-6: pushing what is there is no mistake", async (target) => {
    const [name, content] = [target.name(), randomBytes(20)];
    await target.pushBlob(name, content);
    await target.pushBlob(name, content);
  }),
  check("end-6: a blob by SHA-512", async (target) => {
    const [name, content] = [target.name(), randomBytes(300)];
    const digest = await target.pushBlob(name, content, sha512(content));
    const { status, headers, body } = await target.call("GET", `${name}/blobs/${digest}`);
    assert.deepEqual([status, headers["docker-content-digest"], body.equals(content)], [200, digest, true]);
  }),
  check("end-5: chunks one after the other, the last one with PUT", async (target) => {
    const [name, content] = [target.name(), randomBytes(3000)];
    const first = await patch(target, await target.begin(name), content.subarray(0, 1000), "0-999");
    assert.deepEqual([first.status, first.headers.range], [202, "0-999"]);
    const second = await patch(
      target,
      first.headers.location ?? "",
      content.subarray(1000, 2000),
      "1000-1999",
    );
    assert.deepEqual([second.status, second.headers.range], [202, "0-1999"]);
    const location = withQuery(second.headers.location ?? "", { digest: sha256(content) });
    const last = await target.call("PUT", location, {
      headers: { ...octets, "Content-Range": "2000-2999" },
      body: content.subarray(2000),
    });
    assert.equal(last.status, 201);
    assert.ok((await target.call("GET", `${name}/blobs/${sha256(content)}`)).body.equals(content));
  }),
  check("end-5: one PATCH without a range and a PUT without a body, as docker does it", async (target) => {
    const [name, content] = [target.name(), randomBytes(3000)];
    const patched = await target.call("PATCH", await target.begin(name), { headers: octets, body: content });
    assert.deepEqual([patched.status, patched.headers.range], [202, "0-2999"]);
    const location = withQuery(patched.headers.location ?? "", { digest: sha256(content) });
    assert.equal((await target.call("PUT", location, { body: "" })).status, 201);
  }),
  check("end-5: a chunk out of order is 416, and the upload goes on", async (target) => {
    const [name, content] = [target.name(), randomBytes(200)];
    const begun = await target.begin(name);
    assert.equal((await patch(target, begun, content.subarray(100), "100-199")).status, 416);
    const first = await patch(target, begun, content.subarray(0, 100), "0-99");
    assert.equal(first.status, 202);
    assert.equal(
      (await patch(target, first.headers.location ?? "", content.subarray(0, 100), "0-99")).status,
      416,
    );
    const second = await patch(target, first.headers.location ?? "", content.subarray(100), "100-199");
    const location = withQuery(second.headers.location ?? "", { digest: sha256(content) });
    assert.equal((await target.call("PUT", location, { body: "" })).status, 201);
  }),
  check("end-5: 416 says where the upload stands", async (target) => {
    const first = await patch(target, await target.begin(target.name()), randomBytes(100), "0-99");
    const reply = await patch(target, first.headers.location ?? "", randomBytes(10), "500-509");
    assert.deepEqual([reply.status, reply.headers.range], [416, "0-99"]);
    assert.ok(reply.headers.location);
  }),
  check("end-5: a PUT that is out of order is 416, and the upload goes on", async (target) => {
    const content = randomBytes(200);
    const first = await patch(target, await target.begin(target.name()), content.subarray(0, 100), "0-99");
    const location = withQuery(first.headers.location ?? "", { digest: sha256(content) });
    const put = (range: string) =>
      target.call("PUT", location, {
        headers: { ...octets, "Content-Range": range },
        body: content.subarray(100),
      });
    assert.equal((await put("50-149")).status, 416);
    assert.equal((await put("100-199")).status, 201);
  }),
  check("end-5: a chunk whose length is not its range's is refused", async (target) => {
    const { status } = await patch(target, await target.begin(target.name()), randomBytes(10), "0-99");
    assert.ok(status === 400 || status === 416, String(status));
  }),
  check("end-5: a range that makes no sense is refused", async (target) => {
    for (const range of ["x", "9-0", "-5", "0-"]) {
      const { status } = await patch(target, await target.begin(target.name()), randomBytes(10), range);
      assert.ok(status === 400 || status === 416, `${range}: ${status}`);
    }
  }),
  check("end-13: GET of an upload says how far it is", async (target) => {
    const first = await patch(target, await target.begin(target.name()), randomBytes(100), "0-99");
    const { status, headers } = await target.call("GET", first.headers.location ?? "");
    assert.deepEqual([status, headers.range], [204, "0-99"]);
    assert.ok(headers.location);
  }),
  check("end-13: an upload that is not there is 404 BLOB_UPLOAD_UNKNOWN", async (target) => {
    const location = await target.begin(target.name());
    await target.call("DELETE", location);
    const reply = await target.call("GET", location);
    assert.deepEqual([reply.status, codesOf(reply)], [404, ["BLOB_UPLOAD_UNKNOWN"]]);
  }),
  check("end-13: DELETE of an upload ends it", async (target) => {
    const location = await target.begin(target.name());
    assert.equal((await target.call("DELETE", location)).status, 204);
    assert.equal((await target.call("PATCH", location, { headers: octets, body: "x" })).status, 404);
  }),
  check("end-13: an upload is one of its repository", async (target) => {
    const [name, other] = [target.name(), target.name()];
    const elsewhere = (await target.begin(name)).replace(name, other);
    assert.notEqual((await target.call("PATCH", elsewhere, { headers: octets, body: "x" })).status, 202);
  }),
  check("end-11: a blob is mounted from another repository", async (target) => {
    const [from, name, content] = [target.name(), target.name(), randomBytes(50)];
    const digest = await target.pushBlob(from, content);
    const path = withQuery(`${name}/blobs/uploads/`, { mount: digest, from });
    const { status, headers } = await target.call("POST", path, { body: "" });
    assert.equal(status, 201);
    assert.ok((await target.call("GET", headers.location ?? "")).body.equals(content));
  }),
  check("end-11: what cannot be mounted begins an upload", async (target) => {
    const path = withQuery(`${target.name()}/blobs/uploads/`, { mount: sha256("no"), from: target.name() });
    const { status, headers } = await target.call("POST", path, { body: "" });
    assert.equal(status, 202);
    assert.ok(headers.location);
  }),
  check("end-11: a mount without a source is mounted or begins an upload", async (target) => {
    const digest = await target.pushBlob(target.name(), randomBytes(50));
    const path = withQuery(`${target.name()}/blobs/uploads/`, { mount: digest });
    const { status } = await target.call("POST", path, { body: "" });
    assert.ok(status === 201 || status === 202, String(status));
  }),
  check("end-11: a mount without a source finds the blob wherever it is", async (target) => {
    const digest = await target.pushBlob(target.name(), randomBytes(50));
    const path = withQuery(`${target.name()}/blobs/uploads/`, { mount: digest });
    assert.equal((await target.call("POST", path, { body: "" })).status, 201);
  }),
  check("end-7: PUT of a manifest by tag answers its place and digest", async (target) => {
    const name = target.name();
    const { reply, bytes } = await target.pushImage(name, "v1");
    assert.equal(reply.headers["docker-content-digest"], sha256(bytes));
    const headers = { Accept: types.manifest };
    assert.ok((await target.call("GET", reply.headers.location ?? "", { headers })).body.equals(bytes));
  }),
  check("end-7: PUT of a manifest by digest", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    const changed = { ...manifest, annotations: { a: "b" } };
    const digest = sha256(JSON.stringify(changed));
    assert.equal((await target.pushManifest(name, digest, changed)).status, 201);
    const headers = { Accept: types.manifest };
    assert.equal((await target.call("HEAD", `${name}/manifests/${digest}`, { headers })).status, 200);
  }),
  check("end-7: a manifest by another digest than its own is 400 DIGEST_INVALID", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    const reply = await target.pushManifest(name, sha256("other"), manifest);
    assert.deepEqual([reply.status, codesOf(reply)], [400, ["DIGEST_INVALID"]]);
  }),
  check("end-7: a manifest by SHA-512", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    const digest = sha512(JSON.stringify(manifest));
    const { status, headers } = await target.pushManifest(name, digest, manifest);
    assert.deepEqual([status, headers["docker-content-digest"]], [201, digest]);
    const pulled = await target.call("GET", `${name}/manifests/${digest}`, {
      headers: { Accept: types.manifest },
    });
    assert.deepEqual([pulled.status, pulled.headers["docker-content-digest"]], [200, digest]);
  }),
  check("end-7: a tag moves to what is pushed to it", async (target) => {
    const name = target.name();
    const [before, after] = [await target.pushImage(name, "v1"), await target.pushImage(name, "v1")];
    const headers = { Accept: types.manifest };
    const { headers: found } = await target.call("HEAD", `${name}/manifests/v1`, { headers });
    assert.equal(found["docker-content-digest"], after.digest);
    assert.equal((await target.call("HEAD", `${name}/manifests/${before.digest}`, { headers })).status, 200);
  }),
  check("end-7: a manifest without layers", async (target) => {
    const [name, config] = [target.name(), Buffer.from("{}")];
    await target.pushBlob(name, config);
    assert.equal((await target.pushManifest(name, "v1", manifestOf(config, []))).status, 201);
  }),
  check("end-7: a manifest whose blobs are not there is MANIFEST_BLOB_UNKNOWN", async (target) => {
    const [name, config] = [target.name(), Buffer.from("{}")];
    await target.pushBlob(name, config);
    const reply = await target.pushManifest(name, "v1", manifestOf(config, [randomBytes(5)]));
    assert.ok(reply.status === 400 || reply.status === 404, String(reply.status));
    assert.ok(codesOf(reply).includes("MANIFEST_BLOB_UNKNOWN"));
  }),
  check("end-7: blobs of another repository do not count", async (target) => {
    const { manifest } = await target.pushImage(target.name(), "v1");
    assert.notEqual((await target.pushManifest(target.name(), "v1", manifest)).status, 201);
  }),
  check("end-7: what is no manifest is 400 MANIFEST_INVALID", async (target) => {
    const name = target.name();
    for (const body of ["", "{}", "[]", "{", "null", '{"schemaVersion":2}', "\u0000"]) {
      const headers = { "Content-Type": types.manifest };
      const reply = await target.call("PUT", `${name}/manifests/v1`, { headers, body });
      assert.deepEqual([body, reply.status, codesOf(reply)], [body, 400, ["MANIFEST_INVALID"]]);
    }
  }),
  check("end-7: a media type that the document contradicts is refused", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    assert.equal((await target.pushManifest(name, "v2", manifest, types.docker)).status, 400);
    assert.equal((await target.pushManifest(name, "v2", manifest, types.index)).status, 400);
  }),
  check("end-7: what cannot be a tag is refused", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    for (const tag of [".v1", "-v1", "v".repeat(129), "v%201", "sha256:abc"]) {
      const { status } = await target.pushManifest(name, tag, manifest);
      assert.ok(status === 400 || status === 404, `${tag}: ${status}`);
    }
  }),
  check("end-7: tags of 128 characters of every kind", async (target) => {
    const name = target.name();
    for (const tag of ["_", "A.b-C_9", "x".repeat(128)]) await target.pushImage(name, tag);
  }),
  check("end-7: a manifest of 4 MiB is taken", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    const size = JSON.stringify({ ...manifest, annotations: { a: "" } }).length;
    const large = { ...manifest, annotations: { a: "x".repeat(4 * 1024 * 1024 - size) } };
    assert.equal((await target.pushManifest(name, "large", large)).status, 201);
  }),
  check("end-7: a manifest of more than 4 MiB is refused", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    const large = { ...manifest, annotations: { a: "x".repeat(4 * 1024 * 1024) } };
    const { status } = await target.pushManifest(name, "large", large);
    assert.ok(status === 413 || status === 400, String(status));
  }),
  check("end-7: an index of manifests", async (target) => {
    const name = target.name();
    const { bytes } = await target.pushImage(name, "v1");
    const child = {
      ...descriptorOf(bytes, types.manifest),
      platform: { os: "linux", architecture: "amd64" },
    };
    const index = { schemaVersion: 2, mediaType: types.index, manifests: [child] };
    assert.equal((await target.pushManifest(name, "all", index, types.index)).status, 201);
    const { headers, body } = await target.call("GET", `${name}/manifests/all`, {
      headers: { Accept: types.index },
    });
    assert.deepEqual([headers["content-type"], body.toString()], [types.index, JSON.stringify(index)]);
  }),
  check("end-7: an index without a media type of its own", async (target) => {
    const name = target.name();
    const { bytes } = await target.pushImage(name, "v1");
    const index = { schemaVersion: 2, manifests: [descriptorOf(bytes, types.manifest)] };
    assert.equal((await target.pushManifest(name, "all", index, types.index)).status, 201);
    const { headers } = await target.call("GET", `${name}/manifests/all`, {
      headers: { Accept: types.index },
    });
    assert.equal(headers["content-type"], types.index);
  }),
  check("end-7: an artifact with an empty config", async (target) => {
    const [name, config] = [target.name(), Buffer.from("{}")];
    await target.pushBlob(name, config);
    const artifact = {
      ...manifestOf(config, [config]),
      artifactType: "application/vnd.example",
      config: descriptorOf(config, types.empty),
    };
    assert.equal((await target.pushManifest(name, "v1", artifact)).status, 201);
  }),
  check("end-7: layers that are kept elsewhere need not be there", async (target) => {
    const [name, config] = [target.name(), Buffer.from("{}")];
    await target.pushBlob(name, config);
    const foreign = {
      ...descriptorOf(randomBytes(4), "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
      urls: ["https://example.com/layer"],
    };
    const manifest = { ...manifestOf(config, []), layers: [foreign] };
    assert.equal((await target.pushManifest(name, "v1", manifest)).status, 201);
  }),
];

function patch(target: Target, location: string, body: Uint8Array, range: string) {
  return target.call("PATCH", location, { headers: { ...octets, "Content-Range": range }, body });
}
