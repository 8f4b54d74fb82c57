import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { BuildKitClient } from "../support/buildkit-client.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// What the engine tells of a Dockerfile without building it, and what it warns of while it builds.

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.226.0.1/16");
  await loadBusybox(engine, "base:latest");
});
after(async () => {
  await engine[Symbol.asyncDispose]();
});

const image = { type: "moby", attrs: { name: "checked" } };
const open = (Dockerfile: string) => BuildKitClient.open(engine.socket, { files: { Dockerfile } });

test("a build tells of warnings; stages that it does not need have none", async () => {
  using client = await open("FROM base AS Build\nENV A=$NOPE\nFROM base\nENV B=$NO\nCMD x\n");
  const { warnings } = await client.build({}, image);
  assert.deepEqual(warnings, [
    "StageNameCasing: Stage name 'Build' should be lowercase (line 1)",
    "UndefinedVar: Usage of undefined variable '$NO' (line 4)",
    "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 5)",
  ]);
});

test("warnings that are errors end a build before its first step", async () => {
  using client = await open("# check=error=true\nFROM base\nRUN exit 3\nCMD x\n");
  const failure = await client.build({}, image).catch((error: unknown) => error);
  assert.ok(isFault(failure));
  assert.equal(failure.message, "lint violation found for rules: JSONArgsRecommended");
});

test("two stages may have one name: the nearest above is meant", async () => {
  using client = await open(
    "FROM base AS a\nRUN echo 1 >/n\nFROM base AS a\nRUN echo 2 >/n\nFROM base\nCOPY --from=a /n /n\nRUN cat /n\n",
  );
  const { log } = await client.build({}, image);
  assert.equal(log, "2\n");
});

test("a stage that is built on another has its arguments", async () => {
  using client = await open("FROM base AS a\nARG X=1\nFROM a\nRUN echo [$X]\n");
  const { log } = await client.build({}, image);
  assert.equal(log, "[1]\n");
});

test("questions are answered in the place of a build", async () => {
  using client = await open("FROM base AS A\nARG B=1\nCOPY --nope x y\n");
  const lint = await client.ask({ requestid: "frontend.lint" });
  const { warnings, buildError } = JSON.parse(lint.get("result.json") ?? "") as {
    warnings: { ruleName: string }[];
    buildError: { message: string };
  };
  assert.deepEqual(
    warnings.map(({ ruleName }) => ruleName),
    ["StageNameCasing"],
  );
  assert.equal(buildError.message, "dockerfile parse error on line 3: unknown flag: --nope");
  await assert.rejects(client.ask({ requestid: "frontend.targets" }), /unknown flag: --nope/);
  await assert.rejects(client.ask({ requestid: "nope" }), /unsupported request nope/);
});

test("docker build --check says what BuildKit says", async (t) => {
  const hasPlugin = spawnSync("docker", ["buildx", "version"]).status === 0;
  if (!hasPlugin) return t.skip("docker has no buildx plugin here");
  const folder = mkdtempSync(join(tmpdir(), "gantry-check-"));
  try {
    writeFileSync(join(folder, "Dockerfile"), "FROM base AS b\n# V it is\nARG V=1\nMAINTAINER x\n");
    const run = (...flags: string[]) =>
      spawnSync("docker", ["-H", `unix://${engine.socket}`, "buildx", "build", ...flags, folder], {
        encoding: "utf8",
        env: { ...process.env, DOCKER_HOST: "" },
      });
    const checked = run("--check");
    assert.equal(checked.status, 1);
    assert.match(checked.stdout, /1 warning has been found!\n\nWARNING: MaintainerDeprecated - https/);
    assert.match(run("--call=outline").stdout, /^TARGET: b\n\nBUILD ARG +VALUE +DESCRIPTION\nV +1 +it is\n/);
    assert.match(run("--call=targets").stdout, /^TARGET +DESCRIPTION\nb \(default\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
