import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { check } from "./check.ts";
import { codesOf, jsonOf, sha256, types } from "./target.ts";

const accept = { headers: { Accept: types.manifest } };

/** @see OCI distribution-spec v1.1.1, content management */
export const management = [
  check("end-9: a manifest is deleted by its digest, with its tags", async (target) => {
    const name = target.name();
    const { digest } = await target.pushImage(name, "v1");
    assert.equal((await target.call("DELETE", `${name}/manifests/${digest}`)).status, 202);
    for (const reference of [digest, "v1"])
      assert.equal((await target.call("GET", `${name}/manifests/${reference}`, accept)).status, 404);
  }),
  check("end-9: a tag is deleted, and the manifest stays", async (target) => {
    const name = target.name();
    const { digest } = await target.pushImage(name, "v1");
    assert.equal((await target.call("DELETE", `${name}/manifests/v1`)).status, 202);
    assert.equal((await target.call("GET", `${name}/manifests/v1`, accept)).status, 404);
    assert.equal((await target.call("GET", `${name}/manifests/${digest}`, accept)).status, 200);
  }),
  check("end-9: a tag that was deleted is not listed", async (target) => {
    const name = target.name();
    const { manifest } = await target.pushImage(name, "v1");
    await target.pushManifest(name, "v2", manifest);
    await target.call("DELETE", `${name}/manifests/v1`);
    assert.deepEqual(jsonOf(await target.call("GET", `${name}/tags/list`)), { name, tags: ["v2"] });
  }),
  check("end-9: the list of tags is empty when the last one went", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    await target.call("DELETE", `${name}/manifests/v1`);
    const reply = await target.call("GET", `${name}/tags/list`);
    assert.equal(reply.status, 200);
    assert.deepEqual(jsonOf(reply), { name, tags: [] });
  }),
  check("end-9: a manifest or tag that is not there is 404 MANIFEST_UNKNOWN", async (target) => {
    const name = target.name();
    await target.pushImage(name, "v1");
    for (const reference of [sha256("nothing"), "v2"]) {
      const reply = await target.call("DELETE", `${name}/manifests/${reference}`);
      assert.deepEqual([reference, reply.status, codesOf(reply)], [reference, 404, ["MANIFEST_UNKNOWN"]]);
    }
  }),
  check("end-9: what was deleted can be pushed again", async (target) => {
    const name = target.name();
    const { digest, manifest } = await target.pushImage(name, "v1");
    await target.call("DELETE", `${name}/manifests/${digest}`);
    assert.equal((await target.pushManifest(name, "v1", manifest)).status, 201);
    assert.equal((await target.call("GET", `${name}/manifests/${digest}`, accept)).status, 200);
  }),
  check("end-10: a blob is deleted", async (target) => {
    const name = target.name();
    const digest = await target.pushBlob(name, randomBytes(10));
    assert.equal((await target.call("DELETE", `${name}/blobs/${digest}`)).status, 202);
    assert.equal((await target.call("GET", `${name}/blobs/${digest}`)).status, 404);
  }),
  check("end-10: a blob that is deleted stays in other repositories", async (target) => {
    const [name, other, content] = [target.name(), target.name(), randomBytes(10)];
    const digest = await target.pushBlob(name, content);
    await target.pushBlob(other, content);
    await target.call("DELETE", `${name}/blobs/${digest}`);
    assert.ok((await target.call("GET", `${other}/blobs/${digest}`)).body.equals(content));
  }),
  check("end-10: a blob that is not there is 404 BLOB_UNKNOWN", async (target) => {
    const reply = await target.call("DELETE", `${target.name()}/blobs/${sha256("nothing")}`);
    assert.deepEqual([reply.status, codesOf(reply)], [404, ["BLOB_UNKNOWN"]]);
  }),
  check("methods that nothing is known of are refused", async (target) => {
    const name = target.name();
    for (const path of [
      `${name}/tags/list`,
      `${name}/manifests/v1`,
      `${name}/blobs/${sha256("x")}`,
      "/v2/",
    ]) {
      const { status } = await target.call("POST", path, { body: "" });
      assert.ok(status === 404 || status === 405, `${path}: ${status}`);
    }
  }),
];
