import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { readContentRequest, readContentResponse } from "#api/buildkit/content.ts";
import { buildHistoryEvent, buildHistoryRequest } from "#api/buildkit/control.ts";
import type { Codec } from "#base/protobuf.ts";
import { TarReader } from "#oci/tar/reader.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { BuildKitClient, type Offer } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { failureOf } from "../support/failure.ts";
import { RegistryUnderTest } from "../support/registry.ts";

// What a build says of itself, images for several platforms, and layers without times of their own.

let registry: RegistryUnderTest;
let engine: EngineUnderTest;

before(async () => {
  registry = await RegistryUnderTest.start();
  engine = await EngineUnderTest.start("10.217.0.1/16");
  await loadBusybox(engine, "base:latest");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

async function build(
  offer: Offer,
  attrs: Record<string, string>,
  exporter: { type: string; attrs?: Record<string, string> },
) {
  using client = await BuildKitClient.open(engine.socket, offer);
  return await client.build(attrs, exporter);
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Document {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}
interface Statement {
  readonly predicateType: string;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicate: Record<string, never>;
}

/** A build into a folder with an OCI layout. */
async function layout(
  files: Record<string, string>,
  attrs: Record<string, string>,
  more: Record<string, string> = {},
) {
  const store = new Map<string, Buffer>();
  const exporter = { type: "oci", attrs: { tar: "false", ...more } };
  const { response, vertexes } = await build({ files, stores: { export: store } }, attrs, exporter);
  const read = <T>(digest: string) => JSON.parse((store.get(digest) as Buffer).toString()) as T;
  const root = read<Document>(response.get("containerimage.digest") ?? "");
  const statementsOf = (manifest: Descriptor) =>
    read<Document>(manifest.digest).layers.map((layer) => ({
      type: layer.mediaType,
      as: layer.annotations?.["in-toto.io/predicate-type"],
      ...read<Statement>(layer.digest),
    }));
  return { store, root, response, vertexes, read, statementsOf };
}

const files = {
  Dockerfile:
    "FROM base AS one\nARG FOO\nRUN --mount=type=secret,id=tok echo $FOO > /f\nFROM scratch\nCOPY --from=one /f /f\n",
  a: "in a\n",
};

test("provenance: an index with the image and what is said of it", async () => {
  const attrs = {
    "attest:provenance": "mode=max,builder-id=http://me/1",
    "build-arg:FOO": "q",
    "label:l": "m",
    filename: "Dockerfile",
    "vcs:revision": "abc",
  };
  const { root, statementsOf, response } = await layout(files, attrs, { name: "foo:1" });
  assert.equal(root.mediaType, "application/vnd.oci.image.index.v1+json");
  const [image, said] = root.manifests as [Descriptor, Descriptor];
  assert.equal(root.manifests.length, 2);
  assert.deepEqual(said.platform, { architecture: "unknown", os: "unknown" });
  assert.deepEqual(said.annotations, {
    "vnd.docker.reference.digest": image.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  });
  assert.equal(response.get("containerimage.config.digest"), undefined);
  const [statement] = statementsOf(said);
  assert.equal(statement?.type, "application/vnd.in-toto+json");
  assert.equal(statement.as, "https://slsa.dev/provenance/v0.2");
  assert.equal(statement.predicateType, statement.as);
  assert.deepEqual(statement.subject, [
    {
      name: "pkg:docker/foo@1?platform=linux%2Famd64",
      digest: { sha256: image.digest.slice("sha256:".length) },
    },
  ]);
  const { builder, buildType, materials, invocation, metadata } = statement.predicate as Record<
    string,
    unknown
  >;
  assert.deepEqual(builder, { id: "http://me/1" });
  assert.equal(buildType, "https://mobyproject.org/buildkit@v1");
  const { json } = await engine.api("GET", "/images/base/json");
  assert.match(
    JSON.stringify(materials),
    /^\[\{"uri":"pkg:docker\/base@latest\?platform=linux%2Famd64","digest":/,
  );
  assert.ok((json as { Id: string }).Id !== "");
  assert.deepEqual(invocation, {
    configSource: { entryPoint: "Dockerfile" },
    parameters: {
      frontend: "dockerfile.v0",
      args: { "build-arg:FOO": "q", "label:l": "m" },
      secrets: [{ id: "tok", optional: true }],
      locals: [{ name: "context" }, { name: "dockerfile" }],
    },
    environment: { platform: "linux/amd64" },
  });
  const notes = metadata as Record<string, never>;
  assert.deepEqual(notes["completeness"], { parameters: true, environment: true, materials: false });
  assert.match(notes["buildStartedOn"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.deepEqual(notes["https://mobyproject.org/buildkit@v1#metadata"], {
    vcs: { revision: "abc" },
    source: {
      infos: [
        {
          filename: "Dockerfile",
          language: "Dockerfile",
          data: Buffer.from(files.Dockerfile).toString("base64"),
        },
      ],
    },
  });
});

test("provenance: less of it, in its newer form, or none", async () => {
  const attrs = { "attest:provenance": "mode=min,version=v1", "build-arg:FOO": "hidden" };
  const { root, statementsOf, store } = await layout(files, attrs);
  const [statement] = statementsOf(root.manifests[1] as Descriptor);
  assert.equal(statement?.as, "https://slsa.dev/provenance/v1");
  assert.deepEqual(statement.subject, []);
  assert.deepEqual(
    (statement.predicate as Record<string, { externalParameters: object }>)["buildDefinition"]
      ?.externalParameters,
    {
      configSource: { path: "Dockerfile" },
      request: { frontend: "dockerfile.v0", locals: [{ name: "context" }, { name: "dockerfile" }] },
    },
  );
  for (const bytes of store.values())
    if (bytes.includes("in-toto.io")) assert.ok(!bytes.includes("hidden"), bytes.toString());
  for (const none of ["disabled=true", "mode=min,inline-only=true"]) {
    const plain = await layout(files, { "attest:provenance": none });
    assert.equal(plain.root.mediaType, "application/vnd.oci.image.manifest.v1+json", none);
  }
  for (const [value, expected] of [
    ["mode=x", 'invalid mode "x"'],
    ["version=v9", "invalid provenance SLSA version: v9"],
    ["foo", "invalid value foo"],
    ["mode=", 'invalid mode ""'],
    [
      "reproducible=x",
      'failed to parse reproducible flag "x": strconv.ParseBool: parsing "x": invalid syntax',
    ],
  ] as const)
    assert.equal(await failureOf(layout(files, { "attest:provenance": value })), expected);
});

test("provenance: of every build that history remembers, whether it goes anywhere or not", async () => {
  await build({ files }, { "build-arg:FOO": "told" }, { type: "moby", attrs: { name: "remembered" } });
  using client = await BuildKitClient.open(engine.socket, {});
  const call = async <A, B>(
    method: string,
    [request, response]: readonly [Codec<A>, Codec<B>],
    asked: Partial<A>,
  ) => {
    using open = client.control.open(method, {}, AbortSignal.timeout(10_000));
    await open.send(request.encode(asked));
    open.finish();
    const answers: B[] = [];
    for await (const message of open.messages()) answers.push(response.decode(message));
    return answers;
  };
  const history = "/moby.buildkit.v1.Control/ListenBuildHistory";
  const events = await call(history, [buildHistoryRequest, buildHistoryEvent], { earlyExit: true });
  const [attestation] = events.at(-1)?.record?.result?.attestations ?? [];
  assert.equal(attestation?.mediaType, "application/vnd.in-toto+json");
  const content = "/containerd.services.content.v1.Content/Read";
  const { digest = "" } = attestation;
  const pieces = await call(content, [readContentRequest, readContentResponse], { digest });
  const bytes = Buffer.concat(pieces.map(({ data }) => data));
  assert.equal(bytes.length, attestation.size);
  assert.match(bytes.toString(), /"build-arg:FOO":"told"/);
  await assert.rejects(
    call(content, [readContentRequest, readContentResponse], { digest: "sha256:none" }),
    /content sha256:none: not found/,
  );
});

test("SBOM: what is in the image, by this engine's own inventory", async () => {
  const status = "Package: thing\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: amd64\n\n";
  const own = { Dockerfile: "FROM base\nCOPY status /var/lib/dpkg/status\n", status };
  const { root, statementsOf } = await layout(own, { "attest:sbom": "" });
  const [statement] = statementsOf(root.manifests[1] as Descriptor);
  assert.equal(statement?.predicateType, "https://spdx.dev/Document");
  assert.match(JSON.stringify(statement.predicate), /"name":"thing","versionInfo":"1\.2-3"/);
  assert.match(
    await failureOf(layout(own, { "attest:sbom": "generator=foo" })),
    /^sbom generator "foo" is not supported/,
  );
});

test("attestations go to registries, and beside files", async () => {
  const name = `localhost:${registry.port}/said:1`;
  const attrs = { "attest:provenance": "mode=min", "attest:sbom": "" };
  const { response } = await build({ files }, attrs, { type: "image", attrs: { name, push: "true" } });
  const root = (await registry.manifest("said", "1")) as unknown as Document;
  assert.equal(root.mediaType, "application/vnd.oci.image.index.v1+json");
  assert.equal(root.manifests.length, 2);
  const said = (await registry.manifest("said", root.manifests[1]?.digest ?? "")) as unknown as Document;
  assert.deepEqual(
    said.layers.map(({ annotations }) => annotations?.["in-toto.io/predicate-type"]),
    ["https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2"],
  );
  const { json } = await engine.api("GET", `/images/${name}/json`);
  assert.deepEqual((json as { RepoDigests: string[] }).RepoDigests, [
    `localhost:${registry.port}/said@${response.get("containerimage.digest")}`,
  ]);
  const pulled = await engine.docker("pull", name);
  assert.equal(pulled.code, 0, pulled.stdout);

  const entries = await filesOf(files, { ...attrs, "build-arg:SOURCE_DATE_EPOCH": "1000" });
  assert.deepEqual([...entries.keys()], ["f", "sbom.spdx.json", "provenance.json"]);
  const statement = JSON.parse(entries.get("provenance.json")?.text ?? "") as Statement;
  const sha256 = createHash("sha256")
    .update(entries.get("f")?.text ?? "")
    .digest("hex");
  assert.deepEqual(statement.subject, [{ name: "f", digest: { sha256 } }]);
  for (const { entry } of entries.values()) assert.equal(entry.mtime.seconds, 1000);
  assert.equal(entries.get("provenance.json")?.entry.mode, 0o600);
});

async function filesOf(own: Record<string, string>, attrs: Record<string, string>) {
  const pieces: Buffer[] = [];
  const receive = (bytes: Buffer) => void pieces.push(bytes);
  await build({ files: own, receive }, attrs, { type: "tar" });
  return entriesOf(Buffer.concat(pieces));
}

function entriesOf(archive: Buffer) {
  const entries = new Map<string, { entry: TarEntry; text: string }>();
  let text = "";
  let last: TarEntry | undefined;
  const reader = new TarReader({
    entry: (entry) => {
      last = entry;
      text = "";
    },
    data: (bytes) => void (text += Buffer.from(bytes).toString("latin1")),
    endEntry: () => {
      const path = last?.path.replace(/^(\.?\/)+/, "") ?? "";
      if (last !== undefined && path !== "") entries.set(path, { entry: last, text });
    },
  });
  reader.write(archive);
  reader.end();
  return entries;
}

const both = { platform: "linux/amd64,linux/arm64" };
const portable = {
  Dockerfile:
    "FROM scratch AS one\nCOPY a /a\nFROM scratch\nARG TARGETPLATFORM\nLABEL p=$TARGETPLATFORM\nCOPY --from=one /a /b\n",
  a: "in a\n",
};

test("several platforms: an index with an image for each of them", async () => {
  const annotations = { "annotation-index.i": "1", "annotation-manifest[linux/arm64].m": "2" };
  const { root, read, vertexes } = await layout(portable, both, annotations);
  assert.deepEqual(
    root.manifests.map(({ platform }) => platform?.architecture),
    ["amd64", "arm64"],
  );
  assert.deepEqual((root as unknown as Descriptor).annotations, { i: "1" });
  const told = [];
  for (const { digest } of root.manifests) {
    const { config, ...rest } = read<Document>(digest);
    const { config: own } = read<{ config: { Labels: { p: string } } }>(config.digest);
    told.push([own.Labels.p, (rest as unknown as Descriptor).annotations]);
  }
  assert.deepEqual(told, [
    ["linux/amd64", undefined],
    ["linux/arm64", { m: "2" }],
  ]);
  for (const name of ["[linux/amd64 one 1/1] COPY a /a", "[linux/arm64 stage-1 1/1] COPY --from=one /a /b"])
    assert.ok(vertexes.has(name), [...vertexes.keys()].join("\n"));
  const loads = [...vertexes.keys()].filter((name) => name.includes("load build context"));
  assert.equal(loads.length, 1);

  const said = await layout(portable, { ...both, "attest:provenance": "mode=min,inline-only=true" });
  assert.equal(said.root.manifests.length, 4, "with what only goes along");
  const entries = await filesOf(portable, both);
  assert.deepEqual([...entries.keys()], ["linux_amd64/", "linux_amd64/b", "linux_arm64/", "linux_arm64/b"]);
});

test("several platforms: they are pushed, not stored, and each begins with its own base", async () => {
  const base = `localhost:${registry.port}/bases:1`;
  const attrs = { name: base, push: "true", "oci-mediatypes": "true" };
  await build({ files: portable }, both, { type: "image", attrs });
  assert.equal((await engine.api("GET", `/images/${base}/json`)).status, 404);
  const { root, read, statementsOf } = await layout(
    { Dockerfile: `FROM ${base}\nARG TARGETARCH\nCOPY a /$TARGETARCH\n`, a: "x" },
    { ...both, "attest:provenance": "mode=min" },
  );
  for (const [index, platform] of ["linux/amd64", "linux/arm64"].entries()) {
    const { config } = read<Document>(root.manifests[index]?.digest ?? "");
    const { architecture, config: own } = read<{ architecture: string; config: { Labels: { p: string } } }>(
      config.digest,
    );
    assert.equal(own.Labels.p, platform);
    assert.equal(`linux/${architecture}`, platform);
    const [statement] = statementsOf(root.manifests[index + 2] as Descriptor);
    const uri = `pkg:docker/localhost:${registry.port}/bases@1?platform=${encodeURIComponent(platform)}`;
    assert.ok(JSON.stringify(statement?.predicate).includes(uri), JSON.stringify(statement));
  }
  for (const exporter of [
    { type: "moby", attrs: { name: "x" } },
    { type: "image", attrs: { name: "x" } },
    { type: "docker", attrs: { name: "x" } },
  ])
    assert.match(
      await failureOf(build({ files: portable }, both, exporter)),
      /^docker exporter does not currently support exporting manifest lists/,
    );
  assert.match(
    await failureOf(build({ files: { Dockerfile: "FROM scratch\nCOPY none /\n" } }, both, { type: "oci" })),
    /"\/none": not found/,
  );
});

test("several platforms: what fails for one stops the others, and a client that leaves stops all", async () => {
  const running = (then: string) => ({
    Dockerfile: `FROM --platform=linux/amd64 base\nARG TARGETARCH\nRUN test $TARGETARCH = amd64 && sleep 98765; ${then}\n`,
  });
  assert.match(
    await failureOf(build({ files: running("exit 3") }, both, { type: "oci" })),
    /did not complete successfully: exit code: 3$/,
  );
  const leave = new AbortController();
  const client = await BuildKitClient.open(engine.socket, { files: running("touch /there; sleep 98765") });
  const building = client.build(both, { type: "oci" }, leave.signal);
  while (!(await isSleeping())) await new Promise((resolve) => setTimeout(resolve, 20));
  leave.abort();
  await assert.rejects(building);
  client[Symbol.dispose]();
  while (await isSleeping()) await new Promise((resolve) => setTimeout(resolve, 20));
});

async function isSleeping(): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (words === "sleep\u000098765\u0000") return true;
  }
  return false;
}

test("rewrite-timestamp: no file of the layers is newer than SOURCE_DATE_EPOCH, and the same build gives the same image", async () => {
  const own = { Dockerfile: "FROM base\nRUN echo a > /new\n", a: "" };
  const attrs = { "build-arg:SOURCE_DATE_EPOCH": "1000", "no-cache": "" };
  const made = [];
  for (let round = 0; round < 2; round++)
    made.push(await layout(own, attrs, { "rewrite-timestamp": "true", compression: "gzip" }));
  const [first, second] = made as [Awaited<ReturnType<typeof layout>>, Awaited<ReturnType<typeof layout>>];
  assert.equal(first.response.get("containerimage.digest"), second.response.get("containerimage.digest"));
  const layer = first.store.get(first.root.layers.at(-1)?.digest ?? "") as Buffer;
  const entries = entriesOf(gunzipSync(layer));
  assert.equal(entries.get("new")?.text, "a\n");
  for (const { entry } of entries.values()) assert.ok(entry.mtime.seconds <= 1000, entry.path);
  const plain = await layout(own, {}, { compression: "gzip" });
  assert.equal(plain.root.layers[0]?.digest, first.root.layers[0]?.digest, "the base stays as it is");

  const stored = { type: "image", attrs: { name: "clamped", "rewrite-timestamp": "true" } };
  await build({ files: own }, { "build-arg:SOURCE_DATE_EPOCH": "1000" }, stored);
  const { stdout } = await engine.docker("run", "--rm", "clamped", "stat", "-c", "%Y", "/new");
  assert.equal(stdout, "1000\n");
});
