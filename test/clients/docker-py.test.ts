import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { makeArchive } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "docker_py.py");
/** Debian's own interpreter, for which python3-docker is. */
const python = "/usr/bin/python3";
const hasDockerPy = await run(python, ["-c", "import docker"]).then(
  () => true,
  () => false,
);

test("docker-py does its work", { skip: hasDockerPy ? false : "python3-docker is not there" }, async () => {
  await using engine = await EngineUnderTest.start("10.216.0.1/16");
  const folder = mkdtempSync(join(tmpdir(), "gantry-client-"));
  try {
    const archive = makeArchive(folder, "bb:latest", { Labels: { of: "docker-py" } });
    const { stdout } = await run(python, [script, `unix://${engine.socket}`, archive]);
    assert.equal(stdout.trim().split("\n").length, 7);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
