import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { SmallDisk } from "../support/small-disk.ts";

const megabyte = 1024 * 1024;
const noSpace = /no space left on device/i;

let disk: SmallDisk;
let engine: EngineUnderTest;

before(async () => {
  disk = new SmallDisk(64);
  engine = await EngineUnderTest.start("10.219.0.1/16", join(disk.path, "root"));
  await loadBusybox(engine);
});
afterEach(async () => {
  disk.empty();
  for (const name of await names()) await engine.docker("rm", "-f", name);
});
after(async () => {
  using _disk = disk;
  await engine[Symbol.asyncDispose]();
});

async function names(): Promise<readonly string[]> {
  const { stdout } = await engine.docker("ps", "-a", "--format", "{{.Names}}");
  return stdout.split("\n").filter((name) => name !== "");
}

/** Everything that a failed request could leave behind. */
function folders(): readonly string[] {
  return ["ingest", "snapshots", "containers", "blobs/sha256"].flatMap((folder) => list(folder));
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(join(engine.root, folder)).map((name) => join(folder, name));
  } catch {
    return []; // not made yet
  }
}

async function untilFull(): Promise<void> {
  while (disk.freeBytes > 64 * 1024) await delay(20);
}

async function stateOf(name: string) {
  const { json } = await engine.api("GET", `/containers/${name}/json`);
  return (json as { State: { Status: string; ExitCode: number } }).State;
}

for (const [claim, leaveBytes] of [
  ["its blob", 6 * megabyte],
  ["its files", 18 * megabyte],
] as const)
  test(`load: an archive of which ${claim} does not fit leaves nothing, and loads once there is room`, async () => {
    const before = folders();
    const content = randomBytes(12 * megabyte);
    const load = () =>
      loadBusybox(engine, "large:latest", {}, (rootfs) => writeFileSync(join(rootfs, "large"), content));
    disk.fill(leaveBytes);
    await assert.rejects(load(), noSpace);
    assert.equal((await engine.docker("images", "-q", "large")).stdout, "");
    assert.deepEqual(folders(), before);
    disk.empty();
    await load();
    assert.equal((await engine.docker("run", "--rm", "large", "wc", "-c", "/large")).code, 0);
    await engine.docker("rmi", "large");
    assert.deepEqual(folders(), before);
  });

test("a container that fills the disk is told so itself, and can be stopped and removed", async () => {
  const free = disk.freeBytes;
  const writer = await engine.docker(
    "run",
    "--name",
    "writer",
    "test",
    "dd",
    "if=/dev/zero",
    "of=/x",
    "bs=64k",
  );
  assert.equal(writer.code, 1, writer.stderr);
  assert.match(writer.stderr, noSpace);
  await engine.docker("rm", "writer");
  await engine.docker("run", "-d", "--name", "filler", "test", "sh", "-c", "cat /dev/zero > /x; sleep 1000");
  await untilFull();
  assert.equal((await stateOf("filler")).Status, "running");
  assert.equal((await engine.docker("exec", "filler", "echo", "works")).stdout, "works\n");
  assert.equal((await engine.docker("stop", "-t", "0", "filler")).code, 0);
  assert.deepEqual([(await stateOf("filler")).Status, (await stateOf("filler")).ExitCode], ["exited", 137]);
  assert.equal((await engine.docker("rm", "filler")).code, 0);
  disk.empty();
  assert.ok(free - disk.freeBytes < megabyte, "its space is free again");
});

test("a container that fills the disk with its log goes on, and can be stopped and removed", async () => {
  await engine.docker(
    "run",
    "-d",
    "--name",
    "yes-man",
    "test",
    "yes",
    "a line of some length to get there soon",
  );
  await untilFull();
  assert.equal((await stateOf("yes-man")).Status, "running");
  assert.equal((await engine.docker("exec", "yes-man", "echo", "works")).stdout, "works\n");
  assert.match(
    (await engine.docker("logs", "--tail", "2", "yes-man")).stdout,
    /^a line of some length to get/,
  );
  assert.equal((await engine.docker("stop", "-t", "0", "yes-man")).code, 0);
  assert.equal((await stateOf("yes-man")).ExitCode, 137);
  assert.equal((await engine.docker("rm", "yes-man")).code, 0);
  assert.ok(disk.freeBytes > 20 * megabyte);
});

test("logs: what could not be written is missing, what comes once there is room is whole", async () => {
  const script = "read x; echo lost; read x; echo kept; read x";
  await engine.docker("run", "-d", "-i", "--name", "talker", "test", "sh", "-c", script);
  const send = (text: string) =>
    engine.docker("exec", "talker", "sh", "-c", `echo ${text} > /proc/1/fd/0`).catch(() => undefined);
  disk.fillUp();
  await send("one");
  disk.empty();
  await send("two");
  while (!(await engine.docker("logs", "talker")).stdout.endsWith("kept\n")) await delay(20);
});

test("create and start on a full disk fail clearly and leave nothing half made", async () => {
  await engine.docker("create", "--name", "before", "test", "true");
  const existing = folders();
  disk.fillUp();
  for (let i = 0; i < 20; i++) {
    const { code, stderr } = await engine.docker("create", "--name", "never", "test", "true");
    assert.equal(code, 1);
    assert.match(stderr, noSpace);
  }
  assert.deepEqual(await names(), ["before"]);
  assert.deepEqual(folders(), existing);
  const start = await engine.docker("start", "-a", "before");
  if (start.code !== 0) {
    assert.match(start.stderr, noSpace);
    assert.equal((await stateOf("before")).Status, "created");
  }
  disk.empty();
  assert.equal((await engine.docker("start", "-a", "before")).code, 0);
  assert.equal(
    (await engine.docker("run", "--rm", "--name", "never", "test", "echo", "fine")).stdout,
    "fine\n",
  );
});

test("a daemon killed on a full disk comes back, knows its containers and how they ended", async () => {
  await engine.docker("run", "-d", "--name", "keeps", "test", "sleep", "1000");
  await engine.docker(
    "run",
    "-d",
    "--name",
    "ends",
    "test",
    "sh",
    "-c",
    "trap 'exit 5' TERM; sleep 1000 & wait",
  );
  disk.fillUp();
  const { json } = await engine.api("GET", "/containers/ends/json");
  await engine.stop("SIGKILL");
  process.kill((json as { State: { Pid: number } }).State.Pid, "SIGTERM");
  await delay(200); // it ends while nobody looks
  await engine.up();
  assert.equal((await stateOf("keeps")).Status, "running");
  assert.deepEqual([(await stateOf("ends")).Status, (await stateOf("ends")).ExitCode], ["exited", 5]);
  assert.equal((await engine.docker("rm", "-f", "keeps", "ends")).code, 0);
  assert.deepEqual(await names(), []);
});
