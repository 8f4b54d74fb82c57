import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { OwnRegistry } from "../support/own-registry.ts";
import { makeLayeredArchive } from "../support/registry.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { codesOf, manifestOf, octets, sha256, Target, withQuery } from "./conformance/target.ts";

const megabyte = 1024 * 1024;
const execute = promisify(execFile);

/** Every blob of the store is what its name says. */
function assertSound(root: string): void {
  const folder = join(root, "blobs/sha256");
  const hashOf = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  assert.deepEqual(
    readdirSync(folder).filter((name) => hashOf(name) !== name),
    [],
  );
}

test("a full disk: uploads and manifests are refused with a clear error, leave nothing, and go when there is room", async () => {
  using disk = new SmallDisk(48);
  await using registry = await OwnRegistry.start([], join(disk.path, "root"));
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const [name, large] = [target.name(), randomBytes(8 * megabyte)];
  const { manifest, digest } = await target.pushImage(name, "v1");
  disk.fill(2 * megabyte);
  const location = await target.begin(name);
  const patched = await target.call("PATCH", location, { headers: octets, body: large });
  assert.deepEqual([patched.status, codesOf(patched)], [507, ["UNKNOWN"]]);
  assert.match(patched.body.toString(), /no space left on device/);
  assert.equal((await target.call("GET", location)).status, 404);
  const path = withQuery(`${name}/blobs/uploads/`, { digest: sha256(large) });
  assert.equal((await target.call("POST", path, { headers: octets, body: large })).status, 507);
  assert.deepEqual(readdirSync(join(registry.root, "uploads")), []);
  disk.fill(0);
  const other = { ...manifest, annotations: { large: "x".repeat(megabyte) } };
  const refused = await target.pushManifest(name, "v2", other);
  assert.deepEqual([refused.status, /no space left/.test(refused.body.toString())], [507, true]);
  assert.equal((await target.call("GET", `${name}/manifests/v2`)).status, 404);
  assert.equal((await target.call("GET", `${name}/manifests/v1`)).headers["docker-content-digest"], digest);
  disk.empty();
  await target.pushBlob(name, large);
  assert.equal((await target.pushManifest(name, "v2", other)).status, 201);
  assertSound(registry.root);
  target.close();
});

test("killed at random moments of pushes by skopeo: what was acknowledged is there, the next push succeeds", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-kill-"));
  mkdirSync(join(folder, "home"));
  try {
    const archive = makeLayeredArchive(
      folder,
      "kill:1",
      [3, 2, 1, 1].map((size) => size * megabyte),
    );
    await using registry = await OwnRegistry.start();
    const target = new Target(`http://127.0.0.1:${registry.port}`);
    for (let round = 0; round < 10; round++) {
      const name = `kill/r${round}`;
      const push = () =>
        execute("skopeo", [
          "copy",
          "-q",
          "--dest-tls-verify=false",
          `docker-archive:${archive}`,
          `docker://${registry.host}/${name}:1`,
        ]);
      const timer = setTimeout(() => void registry.stop("SIGKILL"), 50 + Math.random() * 500);
      const isPushed = await push().then(
        () => true,
        () => false,
      );
      clearTimeout(timer);
      await registry.stop("SIGKILL");
      await registry.up();
      const { status } = await target.call("GET", `${name}/manifests/1`);
      assert.equal(status === 200 || !isPushed, true);
      await push();
      await assertPullable(target, name);
    }
    assertSound(registry.root);
    target.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function assertPullable(target: Target, name: string): Promise<void> {
  const { body } = await target.call("GET", `${name}/manifests/1`);
  const { config, layers } = JSON.parse(body.toString()) as ReturnType<typeof manifestOf>;
  for (const { digest, size } of [config, ...layers]) {
    const blob = await target.call("GET", `${name}/blobs/${digest}`);
    assert.deepEqual([blob.status, blob.body.length, sha256(blob.body)], [200, size, digest]);
  }
}

test("deletions, collections and pushes of the same blobs side by side leave every manifest whole", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const shared = Array.from({ length: 3 }, () => randomBytes(20_000));
  const worker = async (number: number) => {
    const name = `side/r${number % 3}`;
    for (let round = 0; round < 6; round++) {
      for (const blob of shared) await target.pushBlob(name, blob);
      const [config = Buffer.of(), ...layers] = shared;
      const manifest = { ...manifestOf(config, layers), annotations: { number: `${number} ${round}` } };
      const reply = await target.pushManifest(name, `t${number}`, manifest);
      // Another one may have deleted a blob in between: that has to be said, and nothing stored.
      assert.ok(reply.status === 201 || codesOf(reply)[0] === "MANIFEST_BLOB_UNKNOWN", reply.body.toString());
      if (round % 2 === 0) continue;
      await target.call("DELETE", `${name}/manifests/${sha256(JSON.stringify(manifest))}`);
      await target.call("DELETE", `${name}/blobs/${sha256(shared[round % 3] ?? "")}`);
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(worker));
  const repositories = ["side/r0", "side/r1", "side/r2"];
  for (const name of repositories) for (const blob of shared) await target.pushBlob(name, blob);
  for (const name of repositories)
    for (const blob of shared)
      assert.ok((await target.call("GET", `${name}/blobs/${sha256(blob)}`)).body.equals(blob));
  assertSound(registry.root);
  assert.doesNotMatch(registry.log, /"level":"(?:error|warn)"/);
  target.close();
});

test("a blob that was altered on disk is not answered, a push mends it", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const [name, content] = [target.name(), randomBytes(5000)];
  const digest = await target.pushBlob(name, content);
  const { digest: manifest } = await target.pushImage(name, "v1");
  const pathOf = (one: string) => join(registry.root, "blobs/sha256", one.slice(7));
  writeFileSync(pathOf(digest), "short");
  writeFileSync(pathOf(manifest), readFileSync(pathOf(manifest), "utf8").replace("config", "konfig"));
  assert.equal((await target.call("GET", `${name}/blobs/${digest}`)).status, 500);
  assert.equal((await target.call("HEAD", `${name}/blobs/${digest}`)).status, 404);
  assert.equal((await target.call("GET", `${name}/manifests/v1`)).status, 500);
  await registry.untilLog(/blob of a repository is damaged/);
  await target.pushBlob(name, content);
  assert.ok((await target.call("GET", `${name}/blobs/${digest}`)).body.equals(content));
  // Of the same length: that is found when it is sent, and then it is not there for who pushes.
  writeFileSync(pathOf(digest), randomBytes(5000));
  await assert.rejects(target.call("GET", `${name}/blobs/${digest}`), /aborted|hang up/);
  assert.equal((await target.call("HEAD", `${name}/blobs/${digest}`)).status, 404);
  await target.pushBlob(name, content);
  assert.ok((await target.call("GET", `${name}/blobs/${digest}`)).body.equals(content));
  target.close();
});

test("browsers change nothing; a client that waits for leave is asked only when its bytes are wanted", async () => {
  await using registry = await OwnRegistry.start();
  const target = new Target(`http://127.0.0.1:${registry.port}`);
  const headers = { Origin: "http://example.com" };
  const refused = await target.call("POST", `${target.name()}/blobs/uploads/`, { headers, body: "" });
  assert.deepEqual([refused.status, codesOf(refused)], [403, ["DENIED"]]);
  assert.equal((await target.call("GET", "/v2/", { headers })).status, 200);
  const [name, content] = [target.name(), randomBytes(2000)];
  assert.deepEqual(await waitForLeave(registry.port, await target.begin(name), content), {
    status: 202,
    isAsked: true,
  });
  const gone = `/v2/${name}/blobs/uploads/00000000-0000-0000-0000-000000000000`;
  assert.deepEqual(await waitForLeave(registry.port, gone, content), { status: 404, isAsked: false });
  target.close();
});

function waitForLeave(
  port: number,
  path: string,
  body: Buffer,
): Promise<{ status: number; isAsked: boolean }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; isAsked: boolean }>();
  let isAsked = false;
  const headers = { ...octets, Expect: "100-continue", "Content-Length": body.length };
  const request = http.request({ host: "127.0.0.1", port, method: "PATCH", path, headers }, (answer) => {
    answer.resume();
    resolve({ status: answer.statusCode ?? 0, isAsked });
    request.destroy();
  });
  request.on("continue", () => {
    isAsked = true;
    request.end(body);
  });
  request.on("error", reject);
  request.flushHeaders();
  return promise;
}
