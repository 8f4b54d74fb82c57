import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { TarEntry } from "#oci/tar/entry.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";

// The classic build API of a real engine: the stream's lines, the cache, cancellation, hostile contexts.

let engine: EngineUnderTest;
let folder: string;

before(async () => {
  engine = await EngineUnderTest.start("10.217.0.1/16");
  await loadBusybox(engine, "base:latest");
  folder = mkdtempSync(join(tmpdir(), "gantry-build-"));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

const entry = (path: string, change: Partial<TarEntry> = {}, content = "") => tarEntry(path, content, change);

function context(dockerfile: string, ...more: readonly Buffer[]): Buffer {
  return Buffer.concat([entry("Dockerfile", {}, dockerfile), ...more, tarEnd]);
}

function build(body: Buffer, query = "") {
  return engine.upload("POST", `/build?${query}`, Readable.from([body]));
}

const streamOf = (body: string) =>
  body
    .split("\r\n")
    .filter((line) => line !== "")
    .map(
      (line) =>
        JSON.parse(line) as {
          stream?: string;
          aux?: { ID: string };
          error?: string;
          errorDetail?: { code?: number };
        },
    );

/** What is left of ids when only the shape counts. */
const shape = (body: string) =>
  streamOf(body)
    .map(({ stream, error }) => stream ?? (error === undefined ? "" : `error ${error}\n`))
    .join("")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "ID");

test("build: the stream is the classic one, and an unchanged step never runs again", async () => {
  const dockerfile =
    "FROM base AS one\nENV STREAM=1\nCOPY a /a\nRUN echo out; echo err >&2\nFROM one\nCMD x\n";
  const body = context(dockerfile, entry("a", {}, "1"));
  const first = await build(body, "t=stream&t=stream:two");
  assert.equal(first.status, 200);
  assert.equal(
    shape(first.body),
    [
      "Step 1/6 : FROM base AS one",
      " ---> ID",
      "Step 2/6 : ENV STREAM=1",
      " ---> Running in ID",
      " ---> Removed intermediate container ID",
      " ---> ID",
      "Step 3/6 : COPY a /a",
      " ---> ID",
      "Step 4/6 : RUN echo out; echo err >&2",
      " ---> Running in ID",
      "out",
      "\u001b[91merr",
      "\u001b[0m ---> Removed intermediate container ID",
      " ---> ID",
      "Step 5/6 : FROM one",
      " ---> ID",
      "Step 6/6 : CMD x",
      " ---> Running in ID",
      " ---> Removed intermediate container ID",
      " ---> ID",
      "Successfully built ID",
      "Successfully tagged stream:latest",
      "Successfully tagged stream:two",
      "",
    ].join("\n"),
  );
  const again = await build(gzipSync(body), "t=stream");
  assert.equal(shape(again.body).match(/Using cache/g)?.length, 4);
  const idOf = (text: string) => streamOf(text).find(({ aux }) => aux !== undefined)?.aux?.ID;
  assert.equal(idOf(again.body), idOf(first.body));
  const touched = context(dockerfile, entry("a", { mtime: { seconds: 99, nanoseconds: 0 } }, "1"));
  assert.equal(idOf((await build(touched)).body), idOf(first.body), "times do not count");
  const changed = await build(context(dockerfile, entry("a", {}, "2")));
  assert.equal(shape(changed.body).match(/Using cache/g)?.length, 1);
  const quiet = await build(body, "q=1");
  assert.deepEqual(streamOf(quiet.body), [{ stream: `${idOf(first.body)}\n` }]);
});

test("build: who names images to take results from gets those of them alone", async () => {
  const body = context("FROM base\nENV A=1\nRUN echo once > /once\n");
  await build(body, "t=source");
  const hits = async (from: string) =>
    shape((await build(body, `cachefrom=${encodeURIComponent(JSON.stringify([from]))}`)).body).match(
      /Using cache/g,
    )?.length;
  assert.equal(await hits("source"), 2);
  assert.equal(await hits("nosuch"), undefined);
});

test("build: labels in between do not make a RUN run again", async () => {
  const withLabel = (label: string) => context(`FROM base\nLABEL a=${label}\nRUN echo ran > /ran\n`);
  await build(withLabel("1"));
  const again = await build(withLabel("2"));
  assert.match(shape(again.body), /RUN echo ran > \/ran\n ---> Using cache/);
});

test("build: SOURCE_DATE_EPOCH makes two builds without a cache one image", async () => {
  const body = context(
    "FROM scratch\nARG SOURCE_DATE_EPOCH\nENV A=1\nCOPY a /x/y/a\nWORKDIR /w\n",
    entry("a", {}, "1"),
  );
  const args = encodeURIComponent(JSON.stringify({ SOURCE_DATE_EPOCH: "1000" }));
  const [one, two] = [
    await build(body, `nocache=1&buildargs=${args}`),
    await build(body, `nocache=1&buildargs=${args}`),
  ];
  const idOf = (text: string) => streamOf(text).find(({ aux }) => aux !== undefined)?.aux?.ID;
  assert.ok(idOf(one.body)?.startsWith("sha256:"));
  assert.equal(idOf(one.body), idOf(two.body));
});

test("build: a failed step ends the stream with its exit code", async () => {
  const { status, body } = await build(context("FROM base\nRUN exit 3\n"));
  assert.equal(status, 200);
  const last = streamOf(body).at(-1);
  assert.equal(last?.errorDetail?.code, 3);
  assert.equal(last?.error, "The command '/bin/sh -c exit 3' returned a non-zero code: 3");
});

test("build: what is wrong before the first step has a status of its own", async () => {
  assert.match(
    (await build(context("FROM base\nFOO\n"))).body,
    /parse error on line 2: unknown instruction: FOO/,
  );
  assert.equal((await build(context("FROM base\n"), "dockerfile=nope")).status, 400);
  assert.equal((await build(context("FROM base\n"), "buildargs=zz")).status, 400);
  assert.equal((await build(context("FROM base\n"), "squash=1")).status, 400);
  assert.equal((await build(context("FROM base\n"), "t=BAD::x")).status, 400);
  assert.equal((await build(Buffer.from("no archive at all".repeat(100)))).status, 400);
});

test("build: hostile contexts reach nothing", async (t) => {
  const victim = join(folder, "..", "victim-of-a-build");
  writeFileSync(victim, "safe");
  t.after(() => rmSync(victim));
  const outside = await build(
    context("FROM base\nCOPY . /\n", entry(`../../../../../..${victim}`, {}, "gone")),
  );
  assert.equal(outside.status, 400);
  const throughLink = await build(
    context(
      "FROM scratch\nCOPY . /\n",
      entry("l", { type: "symlink", linkPath: "/tmp" }),
      entry("l/victim-of-a-build", {}, "gone"),
    ),
  );
  assert.equal(throughLink.status, 400);
  const copied = await build(
    context("FROM base\nCOPY l /copied\n", entry("l", { type: "symlink", linkPath: victim })),
  );
  assert.match(copied.body, /file not found in build context/);
  assert.equal(readFileSync(victim, "utf8"), "safe");
  const device = await build(
    context(
      "FROM base\nCOPY d /d/\nRUN test ! -e /d/disk\n",
      entry("d", { type: "directory", mode: 0o755 }),
      entry("d/disk", { type: "block", major: 8, minor: 0 }),
    ),
  );
  assert.match(device.body, /Successfully built/);
  const whiteout = await build(context("FROM base\nCOPY . /etc/\n", entry(".wh.passwd", {}, "")));
  assert.match(whiteout.body, /invalid file name/);
  const bomb = Buffer.concat([entry("zeros", { size: 3e9 }), Buffer.alloc(1)]);
  const fed = Readable.from(
    (function* () {
      yield gzipSync(Buffer.concat([bomb, Buffer.alloc(64 << 20)]), { level: 9 }).subarray(0, -20);
    })(),
  );
  assert.equal((await engine.upload("POST", "/build", fed)).status, 400);
});

test("build: a client that hangs up ends the step, and nothing is left", { timeout: 30_000 }, async () => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = http.request(
    { socketPath: engine.socket, method: "POST", path: "/build", agent: false },
    (answer) => {
      answer.on("error", () => {});
      answer.on("data", (bytes: Buffer) => {
        if (!bytes.includes("begun")) return;
        request.destroy();
        resolve();
      });
    },
  );
  request.on("error", (error) => (request.destroyed ? resolve() : reject(error)));
  request.end(context("FROM base\nRUN echo begun; sleep 1000\n"));
  await promise;
  const cgroups = () => readdirSync(join(engine.run, "c"));
  while (cgroups().length > 0) await new Promise((done) => setTimeout(done, 20));
});

test("build: stages that do not need each other run side by side", { timeout: 40_000 }, async () => {
  const meet = (mine: string, other: string) =>
    `RUN --mount=type=cache,id=meet,target=/c touch /c/${mine}; while [ ! -e /c/${other} ]; do sleep 0.05; done\n`;
  const { body } = await build(
    context(
      `FROM base AS a\n${meet("a", "b")}FROM base AS b\n${meet("b", "a")}FROM base\nCOPY --from=a /etc/passwd /a\nCOPY --from=b /etc/passwd /b\n`,
    ),
  );
  assert.match(body, /Successfully built/);
});

test("build: two builds that want the same do it once", { timeout: 40_000 }, async () => {
  const body = context("FROM base\nRUN --mount=type=cache,id=once,target=/c echo ran >> /c/log; sleep 1\n");
  const both = await Promise.all([build(body), build(body)]);
  for (const answer of both) assert.match(answer.body, /Successfully built/);
  const count = await build(
    context("FROM base\nRUN --mount=type=cache,id=once,target=/c test $(grep -c ran /c/log) = 1\n"),
  );
  assert.match(count.body, /Successfully built/);
});

test("build: a step is confined as a container is", async () => {
  const status = "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status";
  const { body } = await build(context(`FROM base\nRUN ${status}\n`), "nocache=1");
  const { stdout } = await engine.docker("run", "--rm", "base", "sh", "-c", status);
  assert.match(stdout, /Seccomp:\s+2/);
  assert.ok(shape(body).includes(stdout.replaceAll(/\b[0-9a-f]{12}\b/g, "ID")), body);
});

test("build: limits and hosts of the request hold for its steps", async () => {
  const { body } = await build(
    context("FROM base\nRUN grep added /etc/hosts; df /dev/shm | tail -1; hostname\n"),
    "nocache=1&shmsize=33554432&extrahosts=added:1.2.3.4",
  );
  assert.match(body, /1\.2\.3\.4/);
  assert.match(body, /32768/);
});

test("build: cancelled by its ID", { timeout: 30_000 }, async () => {
  const child = spawn("curl", [
    "-sN",
    "--unix-socket",
    engine.socket,
    "-X",
    "POST",
    "--data-binary",
    "@-",
    "http://x/build?buildid=b1",
  ]);
  child.stdin.end(context("FROM base\nRUN echo begun; sleep 1000\n"));
  let output = "";
  for await (const bytes of child.stdout) {
    output += String(bytes);
    if (output.includes("begun\\n"))
      assert.equal((await engine.api("POST", "/build/cancel?id=b1")).status, 200);
  }
  assert.match(output, /build cancelled/);
});

test("build prune and df: results are listed, and gone when they are forgotten", async () => {
  const df = (await engine.api("GET", "/system/df?type=build-cache")).json as {
    BuildCache: { ID: string; Size: number }[];
  };
  assert.ok(df.BuildCache.length > 10);
  const pruned = (await engine.api("POST", "/build/prune?all=1")).json as { CachesDeleted: string[] };
  assert.equal(pruned.CachesDeleted.length, df.BuildCache.length);
  const after = (await engine.api("GET", "/system/df?type=build-cache")).json as { BuildCache: object[] };
  assert.deepEqual(after.BuildCache, []);
});

test("build: results outlive the daemon, and those of a killed build are cleared away", {
  timeout: 40_000,
}, async () => {
  const body = context("FROM base\nRUN echo kept > /kept\n");
  await build(body);
  const child = spawn("curl", [
    "-sN",
    "--unix-socket",
    engine.socket,
    "-X",
    "POST",
    "--data-binary",
    "@-",
    "http://x/build",
  ]);
  child.stdin.end(context("FROM base\nRUN echo begun; sleep 1000\n"));
  child.stdout.resume();
  mkdirSync(join(engine.root, "build", "tmp", "left"), { recursive: true });
  await engine.stop("SIGKILL");
  await engine.up();
  assert.ok(!readdirSync(join(engine.root, "build")).includes("tmp"));
  assert.match(shape((await build(body)).body), /Using cache/);
});
