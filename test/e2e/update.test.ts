import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;

before(async () => {
  engine = await EngineUnderTest.start("10.222.0.1/16");
  await loadBusybox(engine, "test:latest", { Cmd: ["sleep", "1000"] });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
});

/** What the container itself reads of its cgroups, on v1 and hybrid machines as on v2. */
async function seen(name: string): Promise<Readonly<Record<string, string>>> {
  const script = `cd /sys/fs/cgroup; for f in memory*/memory.limit_in_bytes memory*/memory.memsw.limit_in_bytes memory.max \
    pids*/pids.max pids.max cpu/cpu.shares cpu.weight cpu/cpu.cfs_quota_us cpu.max cpuset*/cpuset.cpus cpuset.cpus; do
    [ -f $f ] && echo $(basename $f)=$(cat $f); done; true`;
  const { stdout } = await engine.docker("exec", name, "sh", "-c", script);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
}

async function limits(name: string): Promise<Readonly<Record<string, unknown>>> {
  const { json } = await engine.api("GET", `/containers/${name}/json`);
  return (json as { HostConfig: Record<string, unknown> }).HostConfig;
}

function update(name: string, body: object) {
  return engine.api("POST", `/containers/${name}/update`, body);
}

test("limits of a running container change at once, in both directions, and outlive the daemon", async () => {
  await engine.docker(..."run -d --name runs -m 50m test".split(" "));
  const up = await update("runs", {
    Memory: 300_000_000 - (300_000_000 % 4096),
    MemorySwap: 600_000_000 - (600_000_000 % 4096),
    PidsLimit: 77,
    CpuShares: 512,
    CpuQuota: 50_000,
    CpusetCpus: "0",
  });
  assert.deepEqual([up.status, up.body.trim()], [200, '{"Warnings":null}']);
  const large = await seen("runs");
  assert.equal(large["pids.max"], "77");
  assert.equal(large["cpuset.cpus"], "0");
  assert.equal(
    large["memory.limit_in_bytes"] ?? large["memory.max"],
    String(300_000_000 - (300_000_000 % 4096)),
  );
  assert.match(large["cpu.cfs_quota_us"] ?? large["cpu.max"] ?? "", /^50000/);
  const down = await engine.docker(
    "update",
    "-m",
    "20m",
    "--memory-swap",
    "20m",
    "--pids-limit",
    "9",
    "runs",
  );
  assert.equal(down.code, 0, down.stderr);
  await engine.stop("SIGKILL");
  await engine.up();
  const { Memory, MemorySwap, PidsLimit, CpuShares } = await limits("runs");
  assert.deepEqual([Memory, MemorySwap, PidsLimit, CpuShares], [20 << 20, 20 << 20, 9, 512]);
  await engine.docker("restart", "-t", "0", "runs");
  assert.equal((await seen("runs"))["pids.max"], "9");
  await engine.docker("rm", "-f", "runs");
});

test("one that does not run gets its limits with its next start", async () => {
  await engine.docker(..."create --name waits test".split(" "));
  assert.equal((await update("waits", { PidsLimit: 33, NanoCpus: 500_000_000 })).status, 200);
  await engine.docker("start", "waits");
  const { "pids.max": pids, "cpu.cfs_quota_us": quota, "cpu.max": max } = await seen("waits");
  assert.deepEqual([pids, (quota ?? max)?.slice(0, 5)], ["33", "50000"]);
  assert.equal((await update("waits", { PidsLimit: -1 })).status, 200);
  assert.equal((await seen("waits"))["pids.max"], "max");
  await engine.docker("rm", "-f", "waits");
});

const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");
const skip = isUnified && "cgroup v2 takes a limit below what is in use, and ends the container";

test("what the kernel refuses changes nothing", { skip }, async () => {
  await engine.docker(..."run -d --name full -m 100m test".split(" "));
  // Files in a tmpfs cannot be given back: 8 MiB are too little for these 20.
  await engine.docker("exec", "full", "dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M", "count=20");
  const before = await seen("full");
  const refused = await update("full", {
    PidsLimit: 55,
    CpuShares: 99,
    Memory: 8 << 20,
    MemorySwap: 8 << 20,
  });
  assert.ok(refused.status >= 400, refused.body);
  assert.match(refused.body, /Cannot update container [0-9a-f]{64}: /);
  assert.deepEqual(await seen("full"), before);
  assert.equal((await limits("full"))["PidsLimit"], null);
  await engine.docker("rm", "-f", "full");
});

test("Docker's texts for what cannot be", async () => {
  await engine.docker(..."run -d --name plain --cpu-quota 50000 test".split(" "));
  await engine.docker(..."run -d --rm --name fleeting test".split(" "));
  const cases = [
    ["plain", { Memory: 5000 }, 400, "Minimum memory limit allowed is 6MB"],
    [
      "plain",
      { Memory: 50_000_000 },
      409,
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    ],
    [
      "plain",
      { NanoCpus: 500_000_000 },
      409,
      "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set",
    ],
    ["plain", { CpusetCpus: "999" }, 400, "Requested CPUs are not available - requested 999, available: "],
    ["plain", { RestartPolicy: { Name: "bogus" } }, 400, "invalid restart policy: unknown policy 'bogus'"],
    [
      "fleeting",
      { RestartPolicy: { Name: "always" } },
      409,
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    ],
    ["nobody", {}, 404, "No such container: nobody"],
  ] as const;
  for (const [name, body, status, text] of cases) {
    const answer = await update(name, body);
    assert.equal(answer.status, status, answer.body);
    assert.ok(answer.body.includes(text), answer.body);
  }
  await engine.docker("rm", "-f", "plain", "fleeting");
});

test("a restart policy counts from its update on", async () => {
  await engine.docker(
    "run",
    "-d",
    "--name",
    "policy",
    "test",
    "sh",
    "-c",
    "test -f /was && exit 0; touch /was; until test -f /updated; do sleep 0.05; done; exit 1",
  );
  const updated = await engine.docker("update", "--restart", "on-failure:3", "policy");
  assert.equal(updated.code, 0, updated.stderr);
  await engine.docker("exec", "policy", "touch", "/updated");
  const { stdout } = await engine.docker("wait", "policy");
  assert.match(stdout, /^[01]\n$/);
  let count: unknown = 0;
  for (const deadline = Date.now() + 10_000; count !== 1 && Date.now() < deadline; ) {
    const { json } = await engine.api("GET", "/containers/policy/json");
    count = (json as { RestartCount: number }).RestartCount;
  }
  assert.equal(count, 1);
  await engine.docker("rm", "-f", "policy");
});
