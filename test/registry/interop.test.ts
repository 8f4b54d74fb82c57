import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeArchive } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { RegistryUnderTest } from "../support/registry.ts";
import {
  clientOfEngine,
  DockerDaemon,
  isInstalled,
  PodmanClient,
  type RegistryClient,
  SkopeoClient,
} from "../support/registry-clients.ts";

const mediaTypes = {
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  ociLayer: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstdLayer: "application/vnd.oci.image.layer.v1.tar+zstd",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
};

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly type: string;
}

/** One request to the registry, as `u`. */
function ask(
  registry: RegistryUnderTest,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: Buffer,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const ca = readFileSync(join(registry.folder, "ca.pem"));
  const [host, port, auth] = ["localhost", registry.port, "u:secret"];
  const options = { host, port, path, method, headers, auth, agent: false, ca };
  const request = https.request(options, (answer) => {
    const chunks: Buffer[] = [];
    answer.on("data", (chunk: Buffer) => chunks.push(chunk));
    answer.on("end", () =>
      resolve({
        status: answer.statusCode ?? 0,
        body: Buffer.concat(chunks),
        type: answer.headers["content-type"] ?? "",
      }),
    );
  });
  request.on("error", reject).end(body);
  return promise;
}

/** What the registry has under that tag. */
async function manifestOf(registry: RegistryUnderTest, repository: string) {
  const headers = { Accept: [mediaTypes.dockerManifest, mediaTypes.ociManifest].join(", ") };
  const { body, type, status } = await ask(registry, "GET", `/v2/${repository}/manifests/1`, headers);
  assert.equal(status, 200);
  const { config, layers } = JSON.parse(body.toString()) as {
    readonly config: { readonly digest: string };
    readonly layers: readonly { readonly mediaType: string }[];
  };
  return { body, type, id: config.digest, layerTypes: layers.map(({ mediaType }) => mediaType) };
}

/** An index of `<repository>:1` for this platform and, first, for one that nobody here has. */
async function putIndex(registry: RegistryUnderTest, repository: string, isDockers: boolean): Promise<void> {
  const { body, type } = await manifestOf(registry, repository);
  const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
  const size = body.length;
  const entry = (architecture: string) => {
    const platform = { os: "linux", architecture };
    return { mediaType: type, digest, size, platform };
  };
  const mediaType = isDockers ? mediaTypes.dockerList : mediaTypes.ociIndex;
  const architecture = process.arch === "x64" ? "amd64" : "arm64";
  const manifests = [entry("s390x"), entry(architecture)];
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const tag = isDockers ? "list" : "index";
  const headers = { "Content-Type": mediaType, "Content-Length": String(index.length) };
  const put = await ask(registry, "PUT", `/v2/${repository}/manifests/${tag}`, headers, index);
  assert.equal(put.status, 201, put.body.toString());
}

test("gantry, dockerd, podman and skopeo: what any of them pushes, by TLS and with a password, all of them pull as the same image", async (t) => {
  const program = DockerDaemon.find();
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await RegistryUnderTest.start(true));
  const engine = undo.use(
    await EngineUnderTest.start("10.213.0.1/16", undefined, ["--registry-certs", registry.certificates]),
  );
  const clients: RegistryClient[] = [await clientOfEngine(engine, registry)];
  if (program === undefined) t.diagnostic("dockerd is not installed: it is left out");
  else clients.push(await undo.use(await DockerDaemon.start(program)).client(registry));
  for (const [name, Client] of [
    ["podman", PodmanClient],
    ["skopeo", SkopeoClient],
  ] as const)
    if (isInstalled(name)) clients.push(new Client(registry));
    else t.diagnostic(`${name} is not installed: it is left out`);

  const sources: { readonly what: string; readonly name: string; readonly id: string }[] = [];
  const folder = mkdtempSync(join(tmpdir(), "gantry-interop-"));
  undo.defer(() => rmSync(folder, { recursive: true }));
  for (const { name: pusher } of clients) {
    const client = clients.find(({ name }) => name === pusher) as RegistryClient;
    const name = `${registry.host}/by-${pusher}:1`;
    const archive = makeArchive(mkdtempSync(join(folder, "image-")), name, { Labels: { by: pusher } });
    await client.push(archive, name);
    const { id, type, layerTypes } = await manifestOf(registry, `by-${pusher}`);
    sources.push({ what: `${pusher}: ${type}, ${layerTypes.join(" ")}`, name, id });
  }
  const skopeo = clients.find((client) => client instanceof SkopeoClient);
  if (skopeo !== undefined) {
    for (const [form, options, expected] of [
      ["oci", ["--format", "oci"], mediaTypes.ociLayer],
      ["v2s2", ["--format", "v2s2"], mediaTypes.dockerLayer],
      ["zstd", ["--format", "oci", "--dest-compress-format", "zstd"], mediaTypes.zstdLayer],
    ] as const) {
      // With content of its own: skopeo would use what the registry has, compressed in another way.
      const archive = makeArchive(mkdtempSync(join(folder, "image-")), "form:1", {}, (rootfs) =>
        writeFileSync(join(rootfs, "form"), form),
      );
      const name = `${registry.host}/${form}:1`;
      await skopeo.copy(`docker-archive:${archive}`, name, options);
      const { id, type, layerTypes } = await manifestOf(registry, form);
      assert.deepEqual(layerTypes, [expected]);
      sources.push({ what: `${type}, ${layerTypes.join(" ")}`, name, id });
    }
  }
  await putIndex(registry, "by-gantry", false);
  await putIndex(registry, "by-gantry", true);
  for (const tag of ["index", "list"])
    sources.push({ what: tag, name: `${registry.host}/by-gantry:${tag}`, id: sources[0]?.id ?? "" });

  for (const { what, name, id } of sources)
    for (const client of clients) {
      if (client.lacksZstd === true && what.includes("zstd")) continue;
      const label = `${client.name} pulls ${what}`;
      const pulled = await client.pull(name).catch((error: unknown) => {
        throw new Error(label, { cause: error });
      });
      assert.equal(pulled, id, label);
      t.diagnostic(label);
    }
});
