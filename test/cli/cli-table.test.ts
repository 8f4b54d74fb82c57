import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeArchive } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";
import { compareCli, type Difference } from "./compare-cli.ts";

/** The texts are those of Docker 28's command line; older ones have others. */
const isPeerThere = /version 2[89]\./.test(execFileSync("docker", ["--version"], { encoding: "utf8" }));
const bun = join(checkout, "node_modules/@oven/bun-linux-x64/bin/bun");
const skip = isPeerThere ? false : "needs Docker 28's command line";

async function engineWithImage(bridgeCidr: string): Promise<EngineUnderTest> {
  const engine = await EngineUnderTest.start(bridgeCidr);
  const folder = mkdtempSync(join(tmpdir(), "gantry-cli-image-"));
  const archive = makeArchive(folder, "bb:latest", { Cmd: ["sh"] });
  await engine.docker("load", "-q", "-i", archive);
  rmSync(folder, { recursive: true });
  return engine;
}

function shown(differences: readonly Difference[]): string {
  return differences
    .map(
      ({ line, docker, gantry }) =>
        `$ ${line}\ndocker ${JSON.stringify(docker)}\ngantry ${JSON.stringify(gantry)}\n`,
    )
    .join("\n");
}

/** The compiled program where it can be compiled, as it starts ten times faster. */
function builtProgram(): string {
  if (!existsSync(bun)) return join(checkout, "bin/gantry");
  execFileSync("sh", [join(checkout, "tools/build-cli.sh")]);
  return join(checkout, "dist/gantry");
}

test("gantry: hundreds of command lines do and say what docker's do", { skip }, async () => {
  await using engine = await engineWithImage("10.232.0.1/16");
  const { ran, differences } = await compareCli(`unix://${engine.socket}`, builtProgram());
  assert.ok(ran >= 350);
  assert.equal(shown(differences), "");
});

test("gantry under Node: a sample of them does too", { skip }, async () => {
  await using engine = await engineWithImage("10.233.0.1/16");
  const program = join(checkout, "bin/gantry");
  const { ran, differences } = await compareCli(`unix://${engine.socket}`, program, ({ run }) =>
    run.includes("run --rm -"),
  );
  assert.ok(ran >= 15);
  assert.equal(shown(differences), "");
});
