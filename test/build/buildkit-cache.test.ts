import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { BuildKitClient, type Named, type Offer, type Outcome } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { RegistryUnderTest } from "../support/registry.ts";

// Caches that travel: one engine writes them, another one, which has built nothing, takes the results from them.

let registry: RegistryUnderTest;
let writer: EngineUnderTest;
let reader: EngineUnderTest;

before(async () => {
  registry = await RegistryUnderTest.start(true);
  const flags = ["--registry-certs", registry.certificates];
  [writer, reader] = await Promise.all([
    EngineUnderTest.start("10.216.0.1/16", undefined, flags),
    EngineUnderTest.start("10.217.0.1/16", undefined, flags),
  ]);
  for (const engine of [writer, reader]) await loadBusybox(engine, "base:latest");
});
after(async () => {
  await writer[Symbol.asyncDispose]();
  await reader[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const offer = (files: Record<string, string>): Offer => ({
  files,
  credentials: { [registry.host]: { username: "u", secret: "secret" } },
});

const Dockerfile =
  "FROM base AS one\nWORKDIR /w\nCOPY a /a\nENV A=b\nRUN cat /a >/b\nFROM base\nLABEL l=m\nCOPY --from=one /b /b\nRUN cat /b >/c; echo ran\n";
const files = { Dockerfile, a: "in a\n" };

interface Asked {
  readonly from?: readonly Named[];
  readonly to?: readonly Named[];
  readonly exporter?: Named;
}

async function build(
  engine: EngineUnderTest,
  offered: Offer,
  { from = [], to = [], exporter }: Asked,
): Promise<Outcome> {
  using client = await BuildKitClient.open(engine.socket, offered);
  const imports = from.map(({ type, attrs }) => ({ Type: type, Attrs: attrs }));
  const attrs = from.length === 0 ? {} : { "cache-imports": JSON.stringify(imports) };
  return await client.build(attrs, exporter ?? { type: "moby" }, undefined, to);
}

async function forget(engine: EngineUnderTest): Promise<void> {
  await engine.api("POST", "/build/prune?all=1");
  await engine.api("POST", '/images/prune?filters={"dangling":["true"]}');
}

const steps = ({ vertexes }: Outcome) =>
  [...vertexes]
    .filter(([name]) => /^\[.*\d\] (COPY|RUN|WORKDIR)/.test(name))
    .map(([, { isCached }]) => isCached);

const registryCache = (tag: string, more: Record<string, string> = {}): Named => ({
  type: "registry",
  attrs: { ref: `${registry.host}/cache:${tag}`, ...more },
});

test("registry: with mode=max everything is taken, and the image is the same", async () => {
  const written = await build(writer, offer(files), { to: [registryCache("max", { mode: "max" })] });
  const { config, layers } = await registry.manifest("cache", "max");
  assert.equal(config.mediaType, "application/vnd.buildkit.cacheconfig.v0");
  assert.ok(layers.length >= 5, "the base, and the steps that are not alike");
  const taken = await build(reader, offer(files), { from: [registryCache("max")] });
  assert.deepEqual(steps(taken), [true, true, true, true, true]);
  assert.equal(taken.response.get("containerimage.digest"), written.response.get("containerimage.digest"));
  const other = await build(reader, offer({ ...files, a: "another\n" }), { from: [registryCache("max")] });
  assert.match(other.log, /ran/, "another file is another result");
  await forget(reader);
});

test("registry: with mode=min only the image's own layers are there, by index or manifest, in any compression", async () => {
  for (const more of [
    { "image-manifest": "false" },
    { "image-manifest": "false", "oci-mediatypes": "false", compression: "uncompressed" },
    { compression: "zstd" },
  ]) {
    await build(writer, offer(files), { to: [registryCache("min", more)] });
    const taken = await build(reader, offer(files), { from: [registryCache("min")] });
    assert.deepEqual(steps(taken), [false, false, false, true, true]);
    await forget(reader);
  }
});

test("inline: the image itself is the cache", async () => {
  const name = `${registry.host}/inline:1`;
  await build(writer, offer(files), {
    to: [{ type: "inline" }],
    exporter: { type: "image", attrs: { name, push: "true" } },
  });
  const from: Named[] = [{ type: "registry", attrs: { ref: name } }];
  const taken = await build(reader, offer(files), { from });
  assert.deepEqual(steps(taken), [false, false, false, true, true]);
  await forget(writer);
  const own = await build(writer, offer(files), { from });
  assert.deepEqual(steps(own).slice(3), [true, true], "an image that is here needs no registry");
  await forget(reader);
});

test("local: a folder of the client", async () => {
  const store = new Map<string, Buffer>();
  const to: Named[] = [{ type: "local", attrs: { dest: "/some/folder", mode: "max" } }];
  const written = await build(writer, { ...offer(files), stores: { "local:/some/folder": store } }, { to });
  const { digest } = JSON.parse(written.response.get("cache.manifest") ?? "{}") as { digest: string };
  assert.ok(store.has(digest));
  const from: Named[] = [{ type: "local", attrs: { src: "/another/name", digest } }];
  const stores = { "local:/another/name": store };
  assert.deepEqual(steps(await build(reader, { ...offer(files), stores }, { from })), [
    true,
    true,
    true,
    true,
    true,
  ]);
  await forget(reader);
  const rotten = new Map(
    [...store].map(([key, blob]) => [
      key,
      key === digest || blob.length < 2000 ? blob : Buffer.alloc(blob.length),
    ]),
  );
  const mended = await build(
    reader,
    { ...offer(files), stores: { "local:/another/name": rotten } },
    { from },
  );
  assert.equal(mended.response.get("containerimage.digest") !== undefined, true, "what is rotten is a miss");
  await forget(reader);
});

test("caches that are not there, or make no sense, are told and stop nothing; exporters that are unknown do", async () => {
  const broken = { stores: { "local:/x": new Map([[`sha256:${"0".repeat(64)}`, Buffer.from("{}")]]) } };
  const from: Named[] = [
    registryCache("none"),
    { type: "s3", attrs: {} },
    { type: "local", attrs: { src: "/x", digest: `sha256:${"0".repeat(64)}` } },
    { type: "local", attrs: { src: "/x" } },
    { type: "registry", attrs: { ref: "localhost:1/none" } },
  ];
  const { vertexes, response } = await build(reader, { ...offer(files), ...broken }, { from });
  assert.ok(response.has("containerimage.digest"));
  const errors = [...vertexes]
    .filter(([name]) => name.startsWith("importing cache"))
    .map(([, { error }]) => error)
    .sort();
  assert.equal(errors.length, 5);
  for (const [index, expected] of [
    /^failed to configure local cache importer: local cache importer requires explicit digest/,
    /^failed to configure local cache importer: unexpected content of sha256:0+/,
    /^failed to configure registry cache importer: .*connection refused/,
    /^failed to configure registry cache importer: localhost:\d+\/cache:none: not found/,
    /^unknown cache importer: s3/,
  ].entries())
    assert.match(errors[index] ?? "", expected);
  const refused = async (to: Named, offered = offer(files)) => {
    try {
      await build(reader, offered, { to: [to] });
    } catch (error) {
      if (isFault(error)) return error.message;
      throw error;
    }
    return "";
  };
  assert.equal(await refused({ type: "gha" }), 'unknown cache exporter: "gha"');
  assert.match(
    await refused(registryCache("x", { compression: "foo" })),
    /^failed to configure registry cache exporter: unsupported compression type foo/,
  );
  assert.match(
    await refused(registryCache("x", { "oci-mediatypes": "false" })),
    /OCI mediatypes are required for image-manifest cache format/,
  );
  assert.match(
    await refused(registryCache("x"), { files }),
    /^error writing layer blob: .*no basic auth credentials/,
  );
  assert.equal(await refused(registryCache("x", { "ignore-error": "true" }), { files }), "");
});

const buildx =
  spawnSync("docker", ["buildx", "version"]).status === 0 ? false : "docker has no buildx plugin";

test("buildx: pushes, and caches in a folder, a registry and the image, from one engine to another", {
  skip: buildx,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-buildx-"));
  try {
    const configs = process.env["DOCKER_CONFIG"] ?? join(process.env["HOME"] ?? "/root", ".docker");
    const given = join(configs, "config.json");
    const config = existsSync(given) ? (JSON.parse(readFileSync(given, "utf8")) as object) : {};
    const auth = Buffer.from("u:secret").toString("base64");
    writeFileSync(
      join(folder, "config.json"),
      JSON.stringify({ ...config, auths: { [registry.host]: { auth } } }),
    );
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    writeFileSync(join(folder, ".dockerignore"), "cache\nconfig.json\nbuildx\n");
    const run = (engine: EngineUnderTest, ...flags: readonly string[]) => {
      const env = { ...process.env, DOCKER_CONFIG: folder, DOCKER_HOST: `unix://${engine.socket}` };
      const args = ["buildx", "build", "--progress=plain", ...flags, folder];
      const { status, stderr } = spawnSync("docker", args, { encoding: "utf8", env });
      assert.equal(status, 0, stderr);
      return stderr;
    };
    const name = `${registry.host}/by/buildx:1`;
    const local = join(folder, "cache");
    const caches = ["inline", `local,dest=${local},mode=max`, `registry,ref=${name}-cache,mode=max`];
    const written = run(writer, "--push", "-t", name, ...caches.map((cache) => `--cache-to=type=${cache}`));
    assert.match(written, /pushing manifest for localhost:\d+\/by\/buildx:1@sha256:/);
    assert.match(written, /exporting cache to client directory/);
    for (const from of [`type=local,src=${local}`, `${name}-cache`, name]) {
      const pruned = spawnSync("docker", ["-H", `unix://${reader.socket}`, "builder", "prune", "-af"]);
      assert.equal(pruned.status, 0);
      const taken = run(reader, `--cache-from=${from}`);
      assert.match(taken, /RUN cat \/b >\/c; echo ran\n#\d+ CACHED/, from);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
