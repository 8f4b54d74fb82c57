import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { RegistryUnderTest } from "../support/registry.ts";

interface Inspected {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
}

async function inspect(engine: EngineUnderTest, name: string): Promise<Inspected> {
  return (await engine.api("GET", `/images/${name}/json`)).json as Inspected;
}

test("an image goes to a registry and comes back the same, in the docker command line's eyes", async () => {
  await using registry = await RegistryUnderTest.start();
  await using engine = await EngineUnderTest.start();
  const name = `${registry.host}/some/test:1`;
  await loadBusybox(engine, name);
  const { Id: id } = await inspect(engine, name);

  const pushed = await engine.docker("push", name);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stdout, /^The push refers to repository \[localhost:\d+\/some\/test\]\n/);
  const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed.stdout)?.[1] ?? "";
  const byDigest = `${registry.host}/some/test@${digest}`;
  assert.deepEqual((await inspect(engine, name)).RepoDigests, [byDigest]);
  assert.match((await engine.docker("push", name)).stdout, /Layer already exists/);

  await engine.docker("tag", name, `${registry.host}/other:2`);
  const mounted = await engine.docker("push", `${registry.host}/other:2`);
  assert.match(mounted.stdout, /Mounted from some\/test/);
  assert.match(mounted.stdout, new RegExp(`2: digest: ${digest} `), "the same image has the same digest");

  await engine.docker("rmi", "-f", id);
  const run = await engine.docker("run", "--rm", name, "echo", "from afar");
  assert.equal(run.stdout, "from afar\n", run.stderr);
  assert.match(
    run.stderr,
    /Unable to find image .* locally[^]*Pull complete[^]*Status: Downloaded newer image for/,
  );
  assert.deepEqual(await inspect(engine, name).then(({ Id, RepoDigests }) => [Id, RepoDigests]), [
    id,
    [byDigest],
  ]);
  assert.match((await engine.docker("pull", name)).stdout, /Image is up to date for/);
  assert.match((await engine.docker("pull", byDigest)).stdout, new RegExp(`Digest: ${digest}`));
  assert.match(
    (await engine.docker("pull", "-a", `${registry.host}/other`)).stdout,
    /Status: Downloaded newer image|up to date/,
  );
});

test("what a registry does not have, and one that is not there, have the texts that clients know", async () => {
  await using registry = await RegistryUnderTest.start();
  await using engine = await EngineUnderTest.start();
  const create = async (name: string) => {
    const { status, json } = await engine.api("POST", `/images/create?fromImage=${name}&tag=1`);
    return `${status} ${(json as { readonly message: string }).message}`;
  };
  const unknown = `404 manifest for ${registry.host}/none:1 not found: manifest unknown: manifest unknown`;
  assert.equal(await create(`${registry.host}/none`), unknown);
  assert.match(
    await create("localhost:1/none"),
    /^500 Get "http:\/\/localhost:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
  );
  assert.match(
    await create("nosuch.invalid/none"),
    /^500 Get "https:\/\/nosuch\.invalid\/v2\/": dial tcp: lookup nosuch\.invalid: /,
  );
  assert.match(
    (await engine.docker("push", `${registry.host}/none:1`)).stderr,
    /An image does not exist locally with the tag: localhost:\d+\/none/,
  );
});

test("TLS and a password: only the right authority and the right password will do", async () => {
  await using registry = await RegistryUnderTest.start(true);
  await using engine = await EngineUnderTest.start("10.213.0.1/16", undefined, [
    "--registry-certs",
    registry.certificates,
  ]);
  const name = `${registry.host}/test:1`;
  await loadBusybox(engine, name);
  const login = (password: string) =>
    engine.api("POST", "/auth", { username: "u", password, serveraddress: registry.host });
  assert.deepEqual((await login("secret")).json, { IdentityToken: "", Status: "Login Succeeded" });
  const refused = await login("wrong");
  assert.deepEqual(
    [refused.status, refused.json],
    [500, { message: `login attempt to https://${registry.host}/v2/ failed with status: 401 Unauthorized` }],
  );
  assert.match((await engine.docker("push", name)).stderr, /no basic auth credentials/);
  assert.match((await engine.docker("pull", name)).stderr, /no basic auth credentials/);

  const docker = async (...args: string[]) =>
    await engine.docker("--config", join(registry.folder, "docker"), ...args);
  const loggedIn = await docker("login", "-u", "u", "-p", "secret", registry.host);
  assert.match(loggedIn.stdout, /Login Succeeded/, loggedIn.stderr);
  assert.equal((await docker("push", name)).code, 0);
  await engine.docker("rmi", name);
  assert.match((await docker("pull", name)).stdout, /Status: Downloaded newer image/);
});
