import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  credentialsRequest,
  credentialsResponse,
  fetchTokenRequest,
  fetchTokenResponse,
} from "#api/buildkit/session.ts";
import { unary } from "#rpc/methods.ts";
import { BuildKitClient, type Offer } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { failureOf } from "../support/failure.ts";
import { Door, RegistryUnderTest } from "../support/registry.ts";
import { TokenRegistry } from "../support/token-registry.ts";

// What BuildKit's clients send to registries and get from them, with a registry that wants TLS and a password.

let registry: RegistryUnderTest;
let engine: EngineUnderTest;

before(async () => {
  registry = await RegistryUnderTest.start(true);
  engine = await EngineUnderTest.start("10.219.0.1/16", undefined, [
    "--registry-certs",
    registry.certificates,
  ]);
  await loadBusybox(engine, "base:latest");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const known = () => ({ [registry.host]: { username: "u", secret: "secret" } });

async function build(offer: Offer, attrs: Record<string, string> = {}, type = "image") {
  using client = await BuildKitClient.open(engine.socket, offer);
  return await client.build({}, { type, attrs });
}

const files = { Dockerfile: "FROM base\nCOPY a /a\n", a: "in a\n" };

test("push: the image goes to the registries of its names, with what the client's session has for them", async () => {
  const name = `${registry.host}/some/image:1,${registry.host}/other`;
  const { response, vertexes } = await build({ files, credentials: known() }, { name, push: "true" });
  const digest = response.get("containerimage.digest") ?? "";
  assert.match(digest, /^sha256:/);
  assert.notEqual(digest, response.get("containerimage.config.digest"));
  assert.ok(vertexes.has("exporting to image"));
  const { mediaType, layers } = await registry.manifest("some/image", "1");
  assert.equal(mediaType, "application/vnd.docker.distribution.manifest.v2+json");
  assert.equal(layers[1]?.mediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip");
  const { json } = await engine.api("GET", `/images/${registry.host}/other/json`);
  assert.ok((json as { RepoDigests: string[] }).RepoDigests.includes(`${registry.host}/other@${digest}`));
  await engine.api("DELETE", `/images/${response.get("containerimage.config.digest")}?force=1`);

  const from = `FROM ${registry.host}/other AS one\nFROM ${registry.host}/some/image:1\nCOPY --from=one /a /b\nRUN cat /b\n`;
  const again = await build({ files: { Dockerfile: from }, credentials: known() }, { name: "private" });
  assert.match(again.log, /in a\n/);
});

test("push: without credentials, or with wrong ones, the registry's refusal is told and nothing is pushed", async () => {
  const name = `${registry.host}/refused:1`;
  const attrs = { name, push: "true" };
  assert.match(
    await failureOf(build({ files }, attrs)),
    /^failed to push localhost:\d+\/refused:1: .*no basic auth credentials$/,
  );
  const wrong = { [registry.host]: { username: "u", secret: "wrong" } };
  assert.match(
    await failureOf(build({ files, credentials: wrong }, attrs)),
    /^failed to push .*unauthorized/,
  );
  await assert.rejects(registry.manifest("refused", "1"), /404/);
  assert.match(
    await failureOf(build({ files: { Dockerfile: `FROM ${registry.host}/some/private\n` } })),
    /no basic auth credentials/,
  );
});

test("push: compression, media types, annotations, by digest, and not stored", async () => {
  const name = `${registry.host}/formed:1`;
  const offer = { files, credentials: known() };
  const zstd = {
    compression: "zstd",
    "compression-level": "5",
    "oci-mediatypes": "true",
    "annotation.k": "v",
  };
  await build(offer, { name, push: "true", ...zstd });
  const formed = await registry.manifest("formed", "1");
  assert.equal(formed.mediaType, "application/vnd.oci.image.manifest.v1+json");
  assert.equal(formed.layers[0]?.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
  assert.deepEqual(formed.annotations, { k: "v" });
  const pulled = await build(
    { files: { Dockerfile: `FROM ${name}\nRUN cat /a\n` }, credentials: known() },
    { name: "x" },
  );
  assert.match(pulled.log, /in a/);

  const unnamed = {
    name: `${registry.host}/by-digest`,
    push: "true",
    "push-by-digest": "true",
    store: "false",
  };
  const { response } = await build(offer, { ...unnamed, compression: "uncompressed" });
  const { layers } = await registry.manifest("by-digest", response.get("containerimage.digest") ?? "");
  assert.equal(layers[1]?.mediaType, "application/vnd.docker.image.rootfs.diff.tar");
  assert.equal((await engine.api("GET", `/images/${registry.host}/by-digest/json`)).status, 404);

  for (const [attrs, expected] of [
    [{ compression: "foo" }, /^unsupported compression type foo$/],
    [
      { push: "foo" },
      /^non-bool value specified for push: strconv\.ParseBool: parsing "foo": invalid syntax$/,
    ],
    [{ "compression-level": "x" }, /^non-integer value x specified for compression-level/],
    [{ "annotation-index.a": "b" }, /^index annotations not supported for single platform export$/],
    [{ "push-by-digest": "true" }, /^can't push tagged ref .* by digest$/],
  ] as const)
    assert.match(await failureOf(build(offer, { name, push: "true", ...attrs })), expected);
});

test("push: a connection that breaks is taken up again; a client that leaves in the middle leaves nothing half done", async () => {
  await using plain = await RegistryUnderTest.start();
  await using door = await Door.open(plain.port);
  door.budget = 300_000;
  const name = `localhost:${door.port}/broken:1`;
  const { response } = await build({ files }, { name, push: "true" });
  assert.ok(door.cuts > 0);
  const { config } = await plain.manifest("broken", "1");
  assert.equal(config.digest, response.get("containerimage.config.digest"));

  door.holdsAfter = door.received + door.sent + 300_000;
  const left = new AbortController();
  using client = await BuildKitClient.open(engine.socket, { files });
  const attrs = { name: `localhost:${door.port}/left:1`, push: "true", compression: "zstd" };
  const building = client.build({}, { type: "image", attrs }, left.signal);
  while (door.received + door.sent < door.holdsAfter) await new Promise((resolve) => setTimeout(resolve, 5));
  left.abort();
  await assert.rejects(building);
  await assert.rejects(plain.manifest("left", "1"), /404/);
  door.holdsAfter = Number.POSITIVE_INFINITY;
  door.slam();
  await build({ files }, attrs);
  assert.equal((await plain.manifest("left", "1")).layers.length, 2);
});

test("tokens: the client asks the server of tokens itself, and its password stays with it", async () => {
  await using tokens = await TokenRegistry.open("good-token");
  const asked: string[] = [];
  const methods = new Map([
    [
      "/moby.filesync.v1.Auth/FetchToken",
      unary(fetchTokenRequest, fetchTokenResponse, ({ host, realm, service, scopes }) => {
        asked.push(`${host} ${realm} ${service} ${scopes.join(",")}`);
        return { token: "good-token", expiresIn: 300 };
      }),
    ],
    [
      "/moby.filesync.v1.Auth/Credentials",
      unary(credentialsRequest, credentialsResponse, () => {
        asked.push("password");
        return {};
      }),
    ],
  ]);
  await build({ files, methods }, { name: `${tokens.host}/some/image:1`, push: "true" });
  assert.equal(tokens.tags.get("some/image:1") !== undefined, true);
  assert.ok(asked.length > 0);
  for (const line of asked)
    assert.equal(
      line,
      `${tokens.host} http://${tokens.host}/token test-service repository:some/image:pull,push`,
    );
});
