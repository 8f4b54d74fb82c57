import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { statusResponse } from "#api/buildkit/control.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import { BuildKitClient } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";

// `POST /build?version=2`: what dockerode asks for with an archive, and the docker command line before buildx with a session.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.231.0.1/16");
  await loadBusybox(engine, "base:latest");
});
after(async () => await engine[Symbol.asyncDispose]());

interface Line {
  readonly id?: string;
  readonly aux?: string | { readonly ID: string };
  readonly error?: string;
  readonly message?: string;
}

async function build(query: string, ...files: readonly Uint8Array[]) {
  const { body } = await engine.upload("POST", `/build?version=2&${query}`, Readable.from(files));
  const lines = body
    .split("\r\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
  const events = lines
    .filter(({ id }) => id === "moby.buildkit.trace")
    .map(({ aux }) => statusResponse.decode(Buffer.from(aux as string, "base64")));
  return {
    vertexes: events.flatMap(({ vertexes }) => vertexes).filter(({ completed }) => completed !== undefined),
    log: events.flatMap(({ logs }) => logs.map(({ msg = "" }) => Buffer.from(msg).toString())).join(""),
    last: lines.at(-1),
  };
}

const dockerfile = "FROM base\nARG X\nRUN echo said $X\nCOPY Dockerfile /\n";

test("an archive without a session is built, and told of as BuildKit does", async () => {
  const files = [tarEntry("Dockerfile", dockerfile), tarEnd];
  const first = await build(`t=one&buildargs=${encodeURIComponent('{"X":"words"}')}`, ...files);
  assert.equal(first.log, "said words\n");
  assert.deepEqual(
    first.vertexes.map(({ name }) => name),
    ["[1/4] FROM base", "[2/4] ARG X", "[3/4] RUN echo said $X", "[4/4] COPY Dockerfile /"],
  );
  const { json } = await engine.api("GET", "/images/one/json");
  assert.deepEqual(first.last, { id: "moby.image.id", aux: { ID: (json as { Id: string }).Id } });
  const again = await build(`buildargs=${encodeURIComponent('{"X":"words"}')}`, ...files);
  assert.equal(again.vertexes.find(({ name }) => name?.includes("RUN"))?.cached, true);
});

test("a step that fails is told twice: as the step's error, and as the build's", async () => {
  const { vertexes, last } = await build("", tarEntry("Dockerfile", "FROM base\nRUN exit 3\n"), tarEnd);
  assert.match(vertexes.at(-1)?.error ?? "", /returned a non-zero code: 3/);
  assert.match(last?.error ?? "", /returned a non-zero code: 3/);
});

test("with a session the files are the client's, and the query says the rest", async () => {
  using client = await BuildKitClient.open(engine.socket, {
    files: { "other.dockerfile": "FROM base AS wanted\nARG X\nRUN echo said $X\nFROM base\nRUN false\n" },
  });
  const query = new URLSearchParams({
    session: client.sessionId,
    remote: "client-session",
    buildid: "mine",
    dockerfile: "other.dockerfile",
    target: "wanted",
    buildargs: '{"X":"more","unset":null}',
    labels: '{"a":"b"}',
    t: "two",
  });
  const { log, vertexes, last } = await build(query.toString());
  assert.equal(log, "said more\n", JSON.stringify(last));
  assert.ok(
    vertexes.some(({ name }) => name === "[wanted 2/2] RUN echo said more"),
    JSON.stringify(vertexes),
  );
  const { json } = await engine.api("GET", "/images/two/json");
  const { Id, Config } = json as { Id: string; Config: { Labels: object } };
  assert.deepEqual([last?.aux, Config.Labels], [{ ID: Id }, { a: "b" }]);
});

test("outputs that make no sense, and sessions that are not there, are refused", async () => {
  using client = await BuildKitClient.open(engine.socket, { files: { Dockerfile: "FROM base\n" } });
  for (const outputs of ["x", "{}", "[1]", '[{"Type":1}]', '[{"Type":"local","Attrs":{"a":1}}]'])
    assert.match(
      (await build(`session=${client.sessionId}&outputs=${outputs}`)).last?.message ?? "",
      /outputs/,
    );
});
