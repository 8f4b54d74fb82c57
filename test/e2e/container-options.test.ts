import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;
const parent = `gantry-test-parent-${process.pid}`;

before(async () => {
  engine = await EngineUnderTest.start("10.224.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sleep", "1000"] });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
  assert.deepEqual(foldersOf(parent), [], "parents that were made for containers are gone");
});

/** Where a cgroup is in any hierarchy. */
function foldersOf(path: string): readonly string[] {
  const root = "/sys/fs/cgroup";
  return [root, ...readdirSync(root).map((name) => join(root, name))]
    .map((hierarchy) => join(hierarchy, path))
    .filter((folder) => existsSync(folder));
}

test("a container's cgroups are below the parent, which goes with the last of its containers", async () => {
  for (const name of ["one", "two"]) {
    const { code, stderr } = await engine.docker(
      ..."run -d --cgroupns host --pids-limit 9 --cgroup-parent".split(" "),
      `/${parent}/deep`,
      "--name",
      name,
      "test",
    );
    assert.equal(code, 0, stderr);
  }
  const { stdout } = await engine.docker("exec", "one", "cat", "/proc/self/cgroup");
  assert.match(stdout, new RegExp(`/${parent}/deep/[0-9a-f]{64}`));
  assert.equal((await engine.docker("top", "one")).stdout.split("\n").length, 3);
  await engine.docker("rm", "-f", "one");
  assert.notDeepEqual(foldersOf(`${parent}/deep`), []);
  await engine.docker("rm", "-f", "two");
  assert.deepEqual(foldersOf(parent), []);
});

test("a daemon that was killed finds them again: it pauses, updates, measures, ends and removes", async () => {
  await engine.docker("run", "-d", "--cgroup-parent", parent, "--name", "again", "test");
  await engine.stop("SIGKILL");
  await engine.up();
  for (const command of ["pause again", "unpause again", "update --pids-limit 7 again"]) {
    const { code, stderr } = await engine.docker(...command.split(" "));
    assert.equal(code, 0, stderr);
  }
  const { stdout } = await engine.docker("stats", "--no-stream", "--format", "{{.PIDs}}", "again");
  assert.equal(stdout, "1\n");
  await engine.docker("rm", "-f", "again");
  assert.deepEqual(foldersOf(parent), []);
});

test("a parent that leads out of the hierarchy is refused", async () => {
  for (const path of ["../x", "/a/../../b", "..", "a/.."]) {
    const { code, stderr } = await engine.docker("create", "--cgroup-parent", path, "test");
    assert.equal(code, 1, stderr);
    assert.match(stderr, /invalid cgroup parent/);
  }
});

test("an image of another platform than was asked for is missing, with Docker's words", async () => {
  const create = (platform: string) =>
    engine.api("POST", `/containers/create?platform=${platform}`, { Image: "test" });
  const other = await create("linux/s390x");
  assert.deepEqual(
    [other.status, (other.json as { message: string }).message],
    [
      404,
      "image with reference test was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)",
    ],
  );
  assert.equal((await create("bogus/x/y/z")).status, 400);
  assert.equal((await create("linux")).status, 201);
});

test("namespaces are joined only from those that run and share", async () => {
  await engine.docker(..."run -d --name keeps test".split(" "));
  await engine.docker(..."create --name idle test".split(" "));
  const start = async (mode: string) =>
    (await engine.docker("run", "--rm", ...mode.split(" "), "test", "true")).stderr;
  assert.match(
    await start("--ipc container:keeps"),
    /failed to join IPC namespace: container .*: non-shareable IPC/,
  );
  assert.match(
    await start("--pid container:idle"),
    /failed to join PID namespace: container .* is not running/,
  );
  assert.match(
    await start("--network container:idle"),
    /cannot join network namespace of a non running container: container idle is created/,
  );
  assert.equal(await start("--pid container:keeps"), "");
});
