import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { packet, packetTypes } from "#api/buildkit/session.ts";
import { isFault } from "#base/fault.ts";
import type { Method } from "#rpc/methods.ts";
import { BuildKitClient, type Offer, Seen, upgrade } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// BuildKit's protocol of a real engine: by a small client of our own, and by docker's buildx plugin where there is one.

let engine: EngineUnderTest;
let folder: string;

before(async () => {
  engine = await EngineUnderTest.start("10.218.0.1/16");
  await loadBusybox(engine, "base:latest");
  folder = mkdtempSync(join(tmpdir(), "gantry-buildkit-"));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

const image = (name: string) => ({ type: "moby", attrs: { name } });

async function build(offer: Offer, attrs: Record<string, string> = {}, exporter = image("built")) {
  using client = await BuildKitClient.open(engine.socket, offer);
  return await client.build(attrs, exporter);
}

async function failure(offer: Offer, attrs: Record<string, string> = {}) {
  try {
    await build(offer, attrs);
  } catch (error) {
    if (isFault(error)) return { message: error.message, seen: error.cause as Seen };
    throw error;
  }
  throw new assert.AssertionError({ message: "the build did not fail" });
}

test("a Dockerfile with files of the client becomes an image, and its steps are told", async () => {
  const Dockerfile =
    "FROM base AS one\nCOPY a dir /x/\nRUN cat /x/a /x/b >&2; echo done\nFROM one\nENV A=b\nCMD x\n";
  const offer = { files: { Dockerfile, a: "in a\n", "dir/": "", "dir/b": "in b\n" } };
  const first = await build(offer, { filename: "Dockerfile" });
  assert.match(first.log, /in a\nin b\n/);
  assert.match(first.log, /done\n/);
  assert.ok(first.vertexes.has("[one 2/3] COPY a dir /x/"), [...first.vertexes.keys()].join("\n"));
  const id = first.response.get("containerimage.digest");
  assert.equal(first.response.get("image.name"), "docker.io/library/built");
  const { json } = await engine.api("GET", "/images/built/json");
  const { Id, Config } = json as { Id: string; Config: { Env: string[]; Cmd: string[] } };
  assert.equal(Id, id);
  assert.ok(Config.Env.includes("A=b"));
  const history = (await engine.api("GET", "/images/built/history")).json as {
    CreatedBy: string;
    Comment: string;
  }[];
  assert.equal(history[2]?.CreatedBy, "RUN /bin/sh -c cat /x/a /x/b >&2; echo done # buildkit");
  assert.equal(history[2]?.Comment, "buildkit.dockerfile.v0");

  const second = await build(offer);
  assert.equal(second.response.get("containerimage.digest"), id);
  assert.equal(second.vertexes.get("[one 3/3] RUN cat /x/a /x/b >&2; echo done")?.isCached, true);
});

test("secrets reach the step and no layer; an agent's socket is there", async () => {
  const Dockerfile =
    "FROM base\nRUN --mount=type=secret,id=s,mode=0440 --mount=type=secret,id=e,env=E cat /run/secrets/s; echo $E; stat -c %a /run/secrets/s\n" +
    'RUN --mount=type=ssh,id=a test -S $SSH_AUTH_SOCK && echo agent\nRUN test ! -e /run/secrets/s && test -z "$E"\n';
  const offer = {
    files: { Dockerfile },
    secrets: { s: "from file\n", e: "from env" },
    agents: { a: () => "" },
  };
  const { log } = await build(offer);
  assert.match(log, /from file\nfrom env\n440\n/);
  assert.match(log, /agent\n/);
  const required = "FROM base\nRUN --mount=type=secret,id=none,required true\n";
  assert.match((await failure({ files: { Dockerfile: required } })).message, /secret none: not found/);
});

test("named contexts, arguments, labels and what a build is limited to", async () => {
  const Dockerfile =
    "FROM alias AS t\nARG X\nRUN echo x=$X; ulimit -n; hostname; grep added /etc/hosts\nFROM nowhere\n";
  const attrs = {
    target: "t",
    "context:alias": "docker-image://base",
    "build-arg:X": "given",
    "label:l": "m",
    ulimit: "nofile=123:123",
    "add-hosts": "added=1.2.3.4",
  };
  const { log, response } = await build({ files: { Dockerfile } }, attrs);
  assert.match(log, /x=given\n123\nbuildkitsandbox\n1\.2\.3\.4\s+added\n/);
  const { json } = await engine.api("GET", `/images/${response.get("containerimage.digest")}/json`);
  assert.equal((json as { Config: { Labels: Record<string, string> } }).Config.Labels["l"], "m");
});

test("failures are those of the Dockerfile's line, or say what is not supported", async () => {
  const failing = await failure({ files: { Dockerfile: "FROM base\nRUN exit 7\n" } });
  assert.equal(failing.message, 'process "/bin/sh -c exit 7" did not complete successfully: exit code: 7');
  assert.equal(failing.seen.vertexes.get("[2/2] RUN exit 7")?.error, failing.message);
  const broken = await failure({ files: { Dockerfile: "FROM base\nFOO\n" } });
  assert.match(broken.message, /^dockerfile parse error on line 2: unknown instruction: FOO/);
  assert.match((await failure({ files: {} })).message, /open Dockerfile: no such file or directory/);
  assert.match(
    (await failure({ files: { Dockerfile: "FROM base\nCOPY a /\n" } })).message,
    /"\/a": not found/,
  );
  const several = await failure(
    { files: { Dockerfile: "FROM base\n" } },
    { platform: "linux/amd64,linux/arm64" },
  );
  assert.match(several.message, /does not currently support exporting manifest lists/);
  const network = await failure({ files: { Dockerfile: "FROM base\n" } }, { "force-network-mode": "host" });
  assert.match(network.message, /network.host is not allowed/);
});

test("files that have not changed since the last build are not sent again, unless their time says too little", async () => {
  const first = 1_700_000_000_000_000_001n;
  const files = {
    Dockerfile: "FROM base\nCOPY . /x/\nRUN cat /x/a /x/b\n",
    a: "one",
    b: "two",
    "old/": "",
    "old/c": "three",
  };
  const send = async (changes: Record<string, string>, times: Record<string, bigint>) => {
    const asked: string[] = [];
    const usual = { Dockerfile: first, a: first, b: first, "old/c": 1_000_000_000n };
    const offer = {
      files: { ...files, ...changes },
      times: { ...usual, ...times },
      sharedKey: "some-folder:some-client",
      requested: (path: string) => void asked.push(path),
    };
    const { log, response } = await build(offer);
    return {
      asked: asked.filter((path) => path !== "Dockerfile").sort(),
      log,
      id: response.get("containerimage.digest"),
    };
  };
  const whole = await send({}, {});
  assert.deepEqual(whole.asked, ["a", "b", "old/c"]);
  const again = await send({}, {});
  assert.deepEqual(again.asked, ["old/c"]);
  assert.equal(again.id, whole.id);
  const changed = await send({ b: "2nd" }, { b: first + 1n });
  assert.deepEqual(changed.asked, ["b", "old/c"]);
  assert.match(changed.log, /one2nd/);
  await engine.stop("SIGKILL");
  await engine.up();
  assert.deepEqual((await send({ b: "2nd" }, { b: first + 1n })).asked, ["old/c"], "also after a crash");
  const { json } = await engine.api("GET", "/system/df?type=build-cache");
  const sources = (json as { BuildCache: { Type: string; Size: number }[] }).BuildCache.filter(
    ({ Type }) => Type === "source.local",
  );
  assert.equal(sources.length, 1);
  await engine.api("POST", "/build/prune");
  assert.deepEqual((await send({}, {})).asked, ["a", "b", "old/c"], "nothing is kept after a prune");
});

test("builds of one folder at the same time do not disturb each other", async () => {
  const time = 1_700_000_000_000_000_001n;
  const offers = Array.from({ length: 4 }, (_, index) => ({
    files: { Dockerfile: "FROM base\nCOPY a b /\nRUN cat /a /b\n", a: `a${index}`, b: "same" },
    times: { a: time + BigInt(index), b: time },
    sharedKey: "contended:client",
  }));
  for (let round = 0; round < 2; round++)
    for (const [index, { log }] of (
      await Promise.all(offers.map((offer) => build(offer, {}, { type: "", attrs: { name: "" } })))
    ).entries())
      assert.ok(log === "" || log.startsWith(`a${index}same`), log);
});

test("what is built is sent as an archive", async () => {
  const pieces: Buffer[] = [];
  const files = { Dockerfile: "FROM scratch\nCOPY a /a\n", a: "content of a" };
  const receive = (bytes: Buffer) => void pieces.push(bytes);
  await build({ files, receive }, {}, { type: "tar", attrs: { name: "" } });
  assert.match(Buffer.concat(pieces).toString("latin1"), /content of a/);
  pieces.length = 0;
  const { response } = await build({ files, receive }, {}, { type: "oci", attrs: { name: "sent" } });
  assert.match(Buffer.concat(pieces).toString("latin1"), /oci-layout/);
  assert.match(response.get("containerimage.digest") ?? "", /^sha256:/);
  assert.equal((await engine.api("GET", "/images/sent/json")).status, 404);
});

test("an OCI layout goes to a folder of the client blob by blob, as the options say, and a docker archive can be loaded", async () => {
  const files = { Dockerfile: "FROM base\nCOPY a /a\n", a: "content of a" };
  const store = new Map<string, Buffer>();
  const attrs = {
    tar: "false",
    name: "some/name:1",
    compression: "zstd",
    "annotation-manifest-descriptor.k": "v",
  };
  const { response } = await build({ files, stores: { export: store } }, {}, { type: "oci", attrs });
  const descriptor = JSON.parse(
    Buffer.from(response.get("containerimage.descriptor") ?? "", "base64").toString(),
  ) as {
    digest: string;
    annotations: object;
  };
  assert.deepEqual(descriptor.annotations, { k: "v" });
  assert.equal(response.get("image.name"), "docker.io/some/name:1");
  const manifest = JSON.parse((store.get(descriptor.digest) as Buffer).toString()) as {
    layers: { mediaType: string; digest: string }[];
  };
  assert.ok(
    manifest.layers.every(({ mediaType }) => mediaType === "application/vnd.oci.image.layer.v1.tar+zstd"),
  );
  assert.ok(manifest.layers.every(({ digest }) => store.has(digest)));
  const from = { Dockerfile: "FROM layout\nRUN cat /a\n" };
  const context = { "context:layout": `oci-layout://some-store:1@${descriptor.digest}` };
  const { log } = await build({ files: from, stores: { "oci:some-store": store } }, context);
  assert.match(log, /content of a/, "and comes back as a named context");

  const pieces: Buffer[] = [];
  const receive = (bytes: Buffer) => void pieces.push(bytes);
  const { response: sent } = await build(
    { files, receive },
    {},
    { type: "docker", attrs: { name: "loaded:1" } },
  );
  const archive = join(folder, "loaded.tar");
  writeFileSync(archive, Buffer.concat(pieces));
  const { code, stdout } = await engine.docker("load", "-i", archive);
  assert.equal(code, 0, stdout);
  const { json } = await engine.api("GET", "/images/loaded:1/json");
  assert.equal((json as { Id: string }).Id, sent.get("containerimage.config.digest"));
});

test("a client that leaves stops its build", async () => {
  const client = await BuildKitClient.open(engine.socket, {
    files: { Dockerfile: "FROM base\nRUN echo begun; sleep 98761\n" },
  });
  const leave = new AbortController();
  const building = client.build({}, image("never"), leave.signal);
  await stepRuns();
  leave.abort();
  await assert.rejects(building);
  await stepEnds();
  client[Symbol.dispose]();

  const other = await BuildKitClient.open(engine.socket, {
    files: { Dockerfile: "FROM base\nRUN echo again; sleep 98762\n" },
  });
  const cut = other.build({}, image("never"));
  await stepRuns();
  other[Symbol.dispose]();
  await assert.rejects(cut);
  await stepEnds();
});

function hasStep(): boolean {
  return spawnSync("pgrep", ["-f", "^sleep 9876[12]$"]).status === 0;
}

async function stepRuns(): Promise<void> {
  while (!hasStep()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function stepEnds(): Promise<void> {
  while (hasStep()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A listing that is sent as it stands. */
function listing(...stats: readonly object[]): Method {
  return async (call) => {
    for (const stat of stats) await call.send(packet.encode({ type: packetTypes.stat, stat }));
    await call.send(packet.encode({ type: packetTypes.stat }));
    for await (const _ of call.messages);
  };
}

test("hostile sessions: what leads out, lies or ends in the middle fails that build alone", {
  timeout: 59_000,
}, async () => {
  const sync = "/moby.filesync.v1.FileSync/DiffCopy";
  const cases: readonly (readonly [RegExp, Method])[] = [
    [/invalid path/, listing({ path: "../x", mode: 0o644 })],
    [/invalid path/, listing({ path: "/etc/passwd", mode: 0o644 })],
    [/folder was not listed/, listing({ path: "a/b", mode: 0o644 })],
    [/invalid size/, listing({ path: "Dockerfile", mode: 0o644, size: -1 })],
    [/data of a file/, async (call) => await call.send(packet.encode({ type: packetTypes.data, id: 7 }))],
    [/too early/, async (call) => await call.send(packet.encode({ type: packetTypes.finish }))],
    [/unknown packet 9/, async (call) => await call.send(packet.encode({ type: 9 }))],
    [
      /error from sender: no/,
      async (call) => await call.send(packet.encode({ type: packetTypes.error, data: Buffer.from("no") })),
    ],
    [/protobuf|wire type/, async (call) => await call.send(Buffer.from([0xff, 0xff, 0xff]))],
  ];
  for (const [expected, method] of cases)
    assert.match((await failure({ methods: new Map([[sync, method]]) })).message, expected);
  const gone = await BuildKitClient.open(engine.socket, {
    methods: new Map([[sync, async () => void gone.sessionSocket.destroy()]]),
  });
  await assert.rejects(gone.build({}, image("never")), /session/);
  gone[Symbol.dispose]();
});

test("hostile frames: connections end, the engine stays", { timeout: 59_000 }, async () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const continuations = Buffer.concat(
    Array.from({ length: 2000 }, () => frame(9, 0, 1, Buffer.alloc(1000, 0x41))),
  );
  const pings = Buffer.concat(Array.from({ length: 50_000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
  const manySettings = frame(4, 0, 0, Buffer.alloc(6 * 1000));
  const inputs = [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(100_000, 0xff),
    Buffer.concat([preface, settings, frame(1, 0, 1, Buffer.alloc(10)), continuations]),
    Buffer.concat([preface, settings, pings]),
    Buffer.concat([preface, manySettings]),
    Buffer.concat([preface, settings, frame(0, 0, 1, Buffer.alloc(16384))]),
  ];
  for (const path of ["/grpc", "/session"])
    for (const [index, input] of inputs.entries()) {
      const headers: Record<string, string> =
        path === "/grpc" ? {} : { "X-Docker-Expose-Session-Uuid": `hostile-${index}` };
      const socket = await upgrade(engine.socket, path, headers);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.on("error", () => {});
      socket.resume();
      socket.end(input);
      await closed;
    }
  await assert.rejects(upgrade(engine.socket, "/session"), /400/);
  assert.equal((await engine.api("GET", "/_ping")).status, 200);
});

const buildx =
  spawnSync("docker", ["buildx", "version"]).status === 0 ? false : "docker has no buildx plugin";

function docker(args: readonly string[], input = "") {
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_BUILDKIT: "1",
    BUILDX_BAKE_ENTITLEMENTS_FS: "0",
  };
  const done = spawnSync("docker", args, { encoding: "utf8", env, input });
  return { code: done.status, text: `${done.stdout}${done.stderr}` };
}

/** Without what differs from run to run. */
const plain = (text: string) =>
  text
    .replaceAll(/ ?\d+\.\d+s/g, "")
    .replaceAll(/^(#\d+) \d+\.\d+ /gm, "$1 ")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "ID")
    .replaceAll(/transferring (\w+): [\d.kMB]+/g, "transferring $1")
    .replaceAll(/^#\d+ (?:transferring|exporting layers|writing|naming)(?!.* done$).*\n(?=#)/gm, "");

test("buildx builds and prints as with Docker's daemon", { skip: buildx }, () => {
  const context = join(folder, "plain");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "FROM base\nCOPY a /a\nRUN cat /a\n");
  writeFileSync(join(context, "a"), "hello\n");
  const { code, text } = docker(["build", "--progress=plain", "-t", "plain", context]);
  assert.equal(code, 0, text);
  assert.equal(
    plain(text),
    `#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile done
#1 DONE

#2 [internal] load metadata for docker.io/library/base:latest
#2 DONE

#3 [internal] load .dockerignore
#3 transferring context done
#3 DONE

#4 [internal] load build context
#4 transferring context done
#4 DONE

#5 [1/3] FROM docker.io/library/base:latest
#5 CACHED

#6 [2/3] COPY a /a
#6 DONE

#7 [3/3] RUN cat /a
#7 hello
#7 DONE

#8 exporting to image
#8 exporting layers done
#8 writing image ID done
#8 naming to docker.io/library/plain done
#8 DONE
`,
  );
  const failed = docker(["build", "--progress=plain", "-"], "FROM base\nRUN exit 3\n");
  assert.equal(failed.code, 1);
  assert.match(failed.text, /Dockerfile:2\n-+\n {3}1 \| {5}FROM base\n {3}2 \| >>> RUN exit 3\n/);
});

test("bake, linked targets, output to a folder, du and prune", { skip: buildx }, () => {
  const context = join(folder, "bake");
  mkdirSync(context);
  writeFileSync(join(context, "first.Dockerfile"), "FROM base\nRUN echo first >/first\n");
  writeFileSync(join(context, "second.Dockerfile"), "FROM first\nRUN cat /first >/second\n");
  const bake = {
    group: { default: { targets: ["second"] } },
    target: {
      first: { context, dockerfile: "first.Dockerfile" },
      second: {
        context,
        dockerfile: "second.Dockerfile",
        contexts: { first: "target:first" },
        tags: ["baked"],
      },
    },
  };
  writeFileSync(join(context, "bake.json"), JSON.stringify(bake));
  const baked = docker(["buildx", "bake", "--progress=plain", "-f", join(context, "bake.json")]);
  assert.equal(baked.code, 0, baked.text);
  const out = join(context, "out");
  const written = docker(["build", "--output", out, "-"], "FROM baked\n");
  assert.equal(written.code, 0, written.text);
  assert.equal(readFileSync(join(out, "second"), "utf8"), "first\n");
  assert.match(docker(["buildx", "du"]).text, /RECLAIMABLE/);
  const pruned = docker(["buildx", "prune", "-af"]);
  assert.equal(pruned.code, 0, pruned.text);
  assert.match(docker(["buildx", "inspect"]).text, /Driver: +docker\n/);
});
