import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BuildKitClient } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// Where BuildKit's front end does other things with a Dockerfile than the classic builder.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.227.0.1/16");
  await loadBusybox(engine, "base:latest");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

const files = { "a.txt": "a\n", "b.txt": "b\n", "dir/": "", "dir/f": "f\n" };
const image = { type: "moby", attrs: { name: "ways" } };

async function build(Dockerfile: string, entitlements: readonly string[] = []) {
  const sorted = Object.entries({ ...files, Dockerfile }).sort(([a], [b]) => (a < b ? -1 : 1));
  using client = await BuildKitClient.open(engine.socket, { files: Object.fromEntries(sorted) });
  return await client.build({}, image, undefined, [], entitlements);
}

test("COPY --link is taken again on top of other layers, as long as it makes the same", async () => {
  const dockerfile = (below: string) =>
    `FROM base\nRUN echo ${below} >/below\nCOPY --link a.txt dir /x/\nCOPY b.txt /x/\nRUN cat /below /x/*\n`;
  await build(dockerfile("one"));
  const { vertexes, log } = await build(dockerfile("two"));
  assert.equal(vertexes.get("[3/5] COPY --link a.txt dir /x/")?.isCached, true);
  assert.equal(vertexes.get("[4/5] COPY b.txt /x/")?.isCached, false);
  assert.equal(log, "two\na\nb\nf\n");
});

test("new folders belong to the user, and those on the way of a copy to its owner", async () => {
  const { log } = await build(
    "FROM base\nUSER 5:6\nWORKDIR /w/sub\nUSER root\nCOPY --chown=7:8 dir /c/d/e\nRUN stat -c '%n %u %g' /w /w/sub /c /c/d /c/d/e/f\n",
  );
  assert.equal(log, "/w 5 6\n/w/sub 5 6\n/c 7 8\n/c/d 7 8\n/c/d/e/f 7 8\n");
});

test("files that are copied to one name replace each other, and a wildcard may match nothing", async () => {
  const { log } = await build("FROM base\nCOPY a.txt b.txt /m\nCOPY nope* /n/\nRUN cat /m; test ! -e /n\n");
  assert.equal(log, "b\n");
});

test("a cache mount begins with the folder that it names, and goes on with what it has", async () => {
  const step = "--mount=type=cache,target=/c,id=begun,from=one,source=/o";
  const dockerfile = (more: string) =>
    `FROM base AS one\nRUN mkdir -m 750 /o && echo begun >/o/x && chown 3:4 /o\nFROM base\nRUN ${step} stat -c '%u %g %a' /c; cat /c/*; echo ${more} >>/c/x\n`;
  assert.match((await build(dockerfile("1"))).log, /^3 4 750\nbegun\n$/);
  assert.match((await build(dockerfile("2"))).log, /^3 4 750\nbegun\n1\n$/);
});

test("a step is given nothing that the engine does not let clients give", async () => {
  const insecure = "FROM base\nRUN --security=insecure true\n";
  await assert.rejects(build(insecure), /^Fault: security\.insecure is not allowed/);
  await assert.rejects(
    build(insecure, ["security.insecure"]),
    /granting entitlement security\.insecure is not allowed by build daemon configuration/,
  );
  const host = "FROM base\nRUN --network=host ls /sys/class/net >/net\n";
  await assert.rejects(build(host), /network\.host is not allowed/);
  await build(host, ["network.host"]);
});

test("triggers keep their documents", async () => {
  const { log } = await build("FROM base\nONBUILD RUN <<EOF\necho one\necho two\nEOF\n");
  assert.equal(log, "");
  const { json } = await engine.api("GET", "/images/ways/json");
  assert.deepEqual((json as { Config: { OnBuild: string[] } }).Config.OnBuild, [
    "RUN <<EOF\necho one\necho two\nEOF",
  ]);
  assert.equal((await build("FROM ways\n")).log, "one\ntwo\n");
});
