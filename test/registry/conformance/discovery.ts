import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { check } from "./check.ts";
import {
  codesOf,
  descriptorOf,
  jsonOf,
  manifestOf,
  type Reply,
  sha256,
  type Target,
  types,
} from "./target.ts";

/** @see OCI distribution-spec v1.1.1, content discovery */
export const discovery = [
  check("end-8a: tags in their order", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["b", "a", "Z", "c1", "c0"]);
    const reply = await target.call("GET", `${name}/tags/list`);
    assert.equal(reply.status, 200);
    assert.deepEqual(jsonOf(reply), { name, tags: ["Z", "a", "b", "c0", "c1"] });
  }),
  check("end-8a: tags of a repository that is not there are 404 NAME_UNKNOWN", async (target) => {
    const reply = await target.call("GET", `${target.name()}/tags/list`);
    assert.deepEqual([reply.status, codesOf(reply)], [404, ["NAME_UNKNOWN"]]);
  }),
  check("end-8b: n tags, and a link to the rest", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["a", "b", "c", "d", "e"]);
    assert.deepEqual(await pages(target, `${name}/tags/list?n=2`, "tags"), [["a", "b"], ["c", "d"], ["e"]]);
  }),
  check("end-8b: no link where nothing follows", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["a", "b"]);
    assert.deepEqual(await pages(target, `${name}/tags/list?n=2`, "tags"), [["a", "b"]]);
  }),
  check("end-8b: n=0 is an empty list without a link", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["a", "b"]);
    assert.deepEqual(await pages(target, `${name}/tags/list?n=0`, "tags"), [[]]);
  }),
  check("end-8b: tags after last, which need not be one", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["a", "b", "d"]);
    const after = async (last: string) =>
      (jsonOf(await target.call("GET", `${name}/tags/list?last=${last}`)) as { tags: string[] }).tags;
    assert.deepEqual([await after("a"), await after("c")], [["b", "d"], ["d"]]);
  }),
  check("end-8b: n that is no number is refused", async (target) => {
    const name = target.name();
    await pushTags(target, name, ["a"]);
    for (const n of ["x", "-1"])
      assert.equal((await target.call("GET", `${name}/tags/list?n=${n}`)).status, 400, n);
  }),
  check("catalog: repositories in pages, in their order", async (target) => {
    const names = [target.name(), target.name(), target.name()].sort();
    for (const name of names) await target.pushImage(name, "v1");
    const found = (await pages(target, "/v2/_catalog?n=1", "repositories")).flat();
    assert.deepEqual(
      found.filter((name) => names.includes(name)),
      names,
    );
    assert.deepEqual(found, found.toSorted());
  }),
  check("end-12a: referrers of what is not there are an empty index", async (target) => {
    const reply = await target.call("GET", `${target.name()}/referrers/${sha256("nothing")}`);
    assert.deepEqual([reply.status, reply.headers["content-type"]], [200, types.index]);
    assert.deepEqual(jsonOf(reply), { schemaVersion: 2, mediaType: types.index, manifests: [] });
  }),
  check("end-12a: what is no digest is 400", async (target) => {
    assert.equal((await target.call("GET", `${target.name()}/referrers/latest`)).status, 400);
  }),
  check("end-12a: a manifest with a subject is a referrer, and its push says so", async (target) => {
    const name = target.name();
    const image = await target.pushImage(name, "v1");
    const subject = descriptorOf(image.bytes, types.manifest);
    const artifact = await target.pushImage(name, "sig", {
      subject,
      artifactType: "application/vnd.example.sig",
      annotations: { "org.example": "yes" },
    });
    assert.equal(artifact.reply.headers["oci-subject"], image.digest);
    const reply = await target.call("GET", `${name}/referrers/${image.digest}`);
    const expected = {
      ...descriptorOf(artifact.bytes, types.manifest),
      artifactType: "application/vnd.example.sig",
      annotations: { "org.example": "yes" },
    };
    assert.deepEqual((jsonOf(reply) as { manifests: object[] }).manifests, [expected]);
  }),
  check("end-12a: without an artifact type it is the config's media type", async (target) => {
    const name = target.name();
    const image = await target.pushImage(name, "v1");
    await target.pushImage(name, "sig", { subject: descriptorOf(image.bytes, types.manifest) });
    const [found] = await referrers(target, name, image.digest);
    assert.equal(found?.artifactType, types.config);
  }),
  check("end-12a: an index with a subject is a referrer", async (target) => {
    const name = target.name();
    const image = await target.pushImage(name, "v1");
    const index = {
      schemaVersion: 2,
      mediaType: types.index,
      artifactType: "application/vnd.example.set",
      manifests: [],
      subject: descriptorOf(image.bytes, types.manifest),
    };
    const { status, headers } = await target.pushManifest(name, "set", index, types.index);
    assert.deepEqual([status, headers["oci-subject"]], [201, image.digest]);
    const [found] = await referrers(target, name, image.digest);
    assert.equal(found?.artifactType, "application/vnd.example.set");
  }),
  check("end-12a: a subject may come after its referrers", async (target) => {
    const [name, config] = [target.name(), Buffer.from("{}")];
    await target.pushBlob(name, config);
    const subject = descriptorOf(randomBytes(3), types.manifest);
    const { status } = await target.pushManifest(name, "sig", { ...manifestOf(config, []), subject });
    assert.equal(status, 201);
    assert.equal((await referrers(target, name, subject.digest)).length, 1);
  }),
  check("end-12b: the filter by artifact type, and that it was applied", async (target) => {
    const name = target.name();
    const image = await target.pushImage(name, "v1");
    const subject = descriptorOf(image.bytes, types.manifest);
    for (const kind of ["one", "two"])
      await target.pushImage(name, kind, { subject, artifactType: `application/vnd.example.${kind}` });
    const path = `${name}/referrers/${image.digest}?artifactType=application%2Fvnd.example.two`;
    const reply = await target.call("GET", path);
    const { manifests } = jsonOf(reply) as { manifests: { artifactType: string }[] };
    assert.equal(reply.headers["oci-filters-applied"], "artifactType");
    assert.deepEqual(
      manifests.map(({ artifactType }) => artifactType),
      ["application/vnd.example.two"],
    );
  }),
  check("end-12a: referrers are those of the repository", async (target) => {
    const [name, other] = [target.name(), target.name()];
    const image = await target.pushImage(name, "v1");
    await target.pushImage(other, "sig", { subject: descriptorOf(image.bytes, types.manifest) });
    assert.deepEqual(await referrers(target, name, image.digest), []);
  }),
  check("end-12a: a referrer that was deleted is none", async (target) => {
    const name = target.name();
    const image = await target.pushImage(name, "v1");
    const { digest } = await target.pushImage(name, "sig", {
      subject: descriptorOf(image.bytes, types.manifest),
    });
    await target.call("DELETE", `${name}/manifests/${digest}`);
    assert.deepEqual(await referrers(target, name, image.digest), []);
  }),
];

async function pushTags(target: Target, name: string, tags: readonly string[]): Promise<void> {
  const { manifest } = await target.pushImage(name, tags[0] ?? "");
  for (const tag of tags.slice(1)) await target.pushManifest(name, tag, manifest);
}

async function referrers(target: Target, name: string, digest: string) {
  const reply = await target.call("GET", `${name}/referrers/${digest}`);
  assert.equal(reply.status, 200);
  return (jsonOf(reply) as { manifests: { artifactType?: string }[] }).manifests;
}

/** Follows the links to the last page. */
async function pages(target: Target, path: string, field: string): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const reply: Reply = await target.call("GET", next);
    assert.equal(reply.status, 200);
    found.push(((jsonOf(reply) as Record<string, string[] | null>)[field] ?? []) as string[]);
    const link = String(reply.headers["link"] ?? "");
    next = /^<([^>]+)>; rel="next"$/.exec(link)?.[1];
  }
  return found;
}
