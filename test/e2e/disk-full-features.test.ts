import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { networkLinks, takeTraces } from "../../tools/leaks.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import { receiveStream } from "../support/log-receivers.ts";
import { SmallDisk } from "../support/small-disk.ts";

// A full disk under networks, volumes, updates, builds and logs that are sent on: refused clearly, or done; never half.

const noSpace = /no space left on device|disk is full/i;
/** The database's journal has room for some small rows: these are not. */
const large = ["a", "b", "c"].flatMap((name) => ["--label", `${name}=${"x".repeat(100_000)}`]);

let disk: SmallDisk;
let engine: EngineUnderTest;
const docker = (...args: string[]) => engine.docker(...args);

before(async () => {
  disk = new SmallDisk(64);
  engine = await EngineUnderTest.start("10.219.0.1/16", join(disk.path, "root"));
  await loadBusybox(engine);
  await docker("network", "create", "kept");
  await docker("run", "-d", "--name", "lives", "-m", "64m", ...large, "test", "sleep", "1000");
});
afterEach(() => disk.empty());
after(async () => {
  using _disk = disk;
  await engine[Symbol.asyncDispose]();
});

/** Repeats what is to fail until it does: the database's journal may have room for some pages. */
async function untilRefused(
  attempt: (n: number) => Promise<{ code: number; stderr: string }>,
): Promise<number> {
  for (let n = 0; n < 50; n++) {
    const { code, stderr } = await attempt(n);
    if (code === 0) continue;
    assert.match(stderr, noSpace);
    return n;
  }
  throw new Error("nothing was refused");
}

async function undoAll(remove: (n: number) => Promise<{ code: number; stderr: string }>, count: number) {
  disk.empty();
  for (let n = 0; n < count; n++) assert.equal((await remove(n)).code, 0);
}

test("update: what was refused is not in force, neither in the record nor in the kernel", async () => {
  // A reader keeps the database's journal from being used again, so that it has to grow.
  using reader = new DatabaseSync(join(engine.root, "engine.db"), { readOnly: true });
  reader.exec("BEGIN; SELECT count(*) FROM containers");
  disk.fillUp();
  const memory = async () => (await docker("inspect", "-f", "{{.HostConfig.Memory}}", "lives")).stdout.trim();
  const inForce = async () => {
    const v2 = await docker(
      "exec",
      "lives",
      "sh",
      "-c",
      "cat /sys/fs/cgroup/memory.max || cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
    );
    return v2.stdout.trim();
  };
  let last = await memory();
  await untilRefused(async (n) => {
    const wanted = `${(80 + n) << 20}`;
    // Another length, so that the whole record is written and not a page of it.
    const policy = `--restart=on-failure:${10 ** (n % 5)}`;
    const answer = await docker("update", policy, "-m", wanted, "--memory-swap", "-1", "lives");
    if (answer.code === 0) last = wanted;
    return answer;
  });
  assert.equal(await memory(), last);
  assert.equal(await inForce(), last);
});

test("connect and disconnect: the record and the interfaces agree", async () => {
  disk.fillUp();
  const interfaces = async () =>
    (await docker("exec", "lives", "ls", "/sys/class/net")).stdout.match(/eth\d/g)?.length;
  const networks = async () =>
    JSON.parse(
      (await docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", "lives")).stdout,
    ) as object;
  for (let round = 0; round < 10; round++)
    for (const request of ["connect", "disconnect"]) {
      await docker("network", request, "kept", "lives");
      assert.equal(await interfaces(), Object.keys(await networks()).length);
    }
  disk.empty();
  await docker("network", "disconnect", "kept", "lives");
  assert.equal((await docker("network", "connect", "kept", "lives")).code, 0);
  assert.equal((await docker("network", "disconnect", "kept", "lives")).code, 0);
  assert.equal(await interfaces(), 1);
});

test("volume create: no row and no folder is left of one that was refused", async () => {
  disk.fillUp();
  const made = await untilRefused((n) => docker("volume", "create", `full${n}`));
  const { stdout } = await docker("volume", "ls", "-q");
  assert.equal(stdout.split("\n").filter(Boolean).length, made);
  const folders = join(engine.root, "volumes");
  const names = existsSync(folders) ? readdirSync(folders) : [];
  assert.deepEqual(
    names.filter((name) => name === `full${made}`),
    [],
  );
  await undoAll((n) => docker("volume", "rm", `full${n}`), made);
  assert.equal((await docker("volume", "create", "later")).code, 0);
  assert.equal((await docker("volume", "rm", "later")).code, 0);
});

test("network create: no bridge, rule or row is left of one that was refused", async () => {
  const links = networkLinks();
  const traces = await takeTraces(engine.places);
  disk.fillUp();
  const made = await untilRefused((n) =>
    docker("network", "create", ...large, `--subnet=10.99.${n}.0/24`, `full${n}`),
  );
  const left = (await docker("network", "ls", "-q", "-f", "name=full")).stdout
    .trim()
    .split("\n")
    .filter(Boolean);
  assert.equal(left.length, made);
  assert.equal(networkLinks().length, links.length + made);
  await undoAll((n) => docker("network", "rm", `full${n}`), made);
  assert.deepEqual(networkLinks(), links);
  assert.deepEqual(
    (await takeTraces(engine.places)).filter((line) => !line.startsWith("file")),
    traces.filter((line) => !line.startsWith("file")),
  );
});

test("a log that is sent on: the container goes on, and so does the sending once there is room", async () => {
  await using receiver = await receiveStream();
  const address = `syslog-address=tcp://127.0.0.1:${receiver.port}`;
  const counter = "n=0; while :; do n=$((n+1)); echo line $n; usleep 20000; done";
  const run = ["run", "-d", "--name", "talks", "--log-driver", "syslog", "--log-opt", address];
  assert.equal((await docker(...run, "test", "sh", "-c", counter)).code, 0);
  await receiver.until(({ text }) => text.includes("line 3\n"));
  disk.fillUp();
  await delay(1000);
  assert.equal((await docker("inspect", "-f", "{{.State.Status}}", "talks")).stdout, "running\n");
  disk.empty();
  const { length } = receiver.text;
  await receiver.until(({ text }) => text.length > length + 500);
  assert.equal((await docker("rm", "-f", "talks")).code, 0);
});
