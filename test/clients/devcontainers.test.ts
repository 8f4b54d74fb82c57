import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox } from "../support/busybox-image.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";

const run = promisify(execFile);

test("the dev containers CLI builds a container from a Dockerfile and enters it", async () => {
  await using engine = await EngineUnderTest.start("10.217.0.1/16");
  await loadBusybox(engine, "bb:latest");
  const folder = mkdtempSync(join(tmpdir(), "gantry-devcontainer-"));
  const workspace = join(folder, "workspace");
  const devcontainer = async (command: string, ...args: string[]) => {
    const program = join(checkout, "node_modules/.bin/devcontainer");
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: "/nonexistent",
      DOCKER_BUILDKIT: "0",
      // It leaves the Dockerfiles that it makes there.
      TMPDIR: folder,
    };
    return await run(program, [command, "--workspace-folder", workspace, ...args], { env });
  };
  try {
    chmodSync(folder, 0o755);
    mkdirSync(workspace);
    mkdirSync(join(workspace, ".devcontainer"));
    writeFileSync(join(workspace, "code"), "the code\n");
    writeFileSync(
      join(workspace, ".devcontainer/Dockerfile"),
      "FROM bb\nARG WHAT\nRUN echo $WHAT > /what && echo 'dev:x:1234:1234::/home/dev:/bin/sh' >> /etc/passwd && echo 'dev:x:1234:' >> /etc/group && mkdir -p /home/dev && chown 1234:1234 /home/dev\n",
    );
    writeFileSync(
      join(workspace, ".devcontainer/devcontainer.json"),
      JSON.stringify({
        build: { dockerfile: "Dockerfile", args: { WHAT: "made" } },
        containerEnv: { COLOUR: "blue" },
        remoteUser: "dev",
        postCreateCommand: "echo created > /home/dev/created",
      }),
    );
    const { stdout: outcome } = await devcontainer("up", "--buildkit", "never");
    const { outcome: word, containerId } = JSON.parse(outcome) as { outcome: string; containerId: string };
    assert.equal(word, "success");
    const script = "cat /what /home/dev/created code; echo $COLOUR; id -un";
    const { stdout } = await devcontainer("exec", "sh", "-c", script);
    assert.deepEqual(stdout.trim().split("\n"), ["made", "created", "the code", "blue", "dev"]);
    const again = JSON.parse((await devcontainer("up", "--buildkit", "never")).stdout) as object;
    assert.deepEqual({ ...again, containerId }, again);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
