import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { isFault } from "#base/fault.ts";
import { readHostFacts } from "../facts.ts";
import { freeze, killAll, oomKills, processIds, thaw } from "./control.ts";
import { type CgroupLayout, foldersOf, type LegacyLayout } from "./layout.ts";
import { planCgroup } from "./plan.ts";
import { createCgroup, listCgroups, removeCgroup } from "./tree.ts";
import { cpuUsage, memoryUsage, pidsUsage } from "./usage.ts";

const layout = readHostFacts().cgroup;
const skip = process.getuid?.() !== 0 || layout.kind === "v2";
const legacy = layout as LegacyLayout;
const parent = `/gantry-test-${process.pid}`;
const MB = 1024 * 1024;

after(() => {
  if (skip) return;
  removeCgroup(layout, parent);
  for (const folder of foldersOf(layout, parent))
    assert.ok(!existsSync(folder.path), `${folder.path} leaked`);
});

function make(t: TestContext, resources: Parameters<typeof planCgroup>[2]) {
  const path = `${parent}/${t.name.replaceAll(/\W/g, "").slice(0, 40)}`;
  const plan = planCgroup(legacy, path, resources);
  t.after(() => removeCgroup(layout, path));
  createCgroup(plan);
  return { path, plan };
}

/** A process that joins before it runs the command. */
function runIn(t: TestContext, processFiles: readonly string[], command: string): ChildProcess {
  const join = processFiles.map((file) => `echo 0 > ${file}`).join(" && ");
  const child = spawn("sh", ["-c", `${join} && echo in && ${command}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
  return child;
}

const joined = (child: ChildProcess) => once(child.stdout ?? child, "data");

test("createCgroup: sets what was planned; a process joins everywhere; removeCgroup waits for it", {
  skip,
}, async (t) => {
  const { path, plan } = make(t, {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
    ],
    memory: { limit: 32 * MB, swap: 32 * MB },
    cpu: { cpus: "0", shares: 100 },
    pids: { limit: 20 },
  });
  const child = runIn(t, plan.processFiles, "exec cat");
  await joined(child);

  assert.deepEqual(processIds(layout, path), [child.pid]);
  assert.deepEqual(pidsUsage(layout, path), { current: 1, limit: 20 });
  assert.equal(memoryUsage(layout, path)?.limit, 32 * MB);
  assert.ok((cpuUsage(layout, path)?.total ?? 0) > 0);
  assert.match(readFileSync(`/proc/${child.pid}/status`, "utf8"), /Cpus_allowed_list:\s+0\n/);
  assert.equal(removeCgroup(layout, path), false);
  assert.ok(listCgroups(layout, parent).includes(path.slice(parent.length + 1)));

  killAll(layout, path);
  await once(child, "exit");
  assert.deepEqual(processIds(layout, path), []);
  assert.equal(removeCgroup(layout, path), true);
  assert.equal(removeCgroup(layout, path), true);
  assert.equal(memoryUsage(layout, path), undefined);
  assert.equal(oomKills(layout, path), 0);
});

test("createCgroup: a value that the kernel refuses leaves nothing behind", { skip }, (t) => {
  const path = `${parent}/refused`;
  const plan = planCgroup(legacy, path, { devices: [], cpu: { cpus: "8000" } });
  t.after(() => removeCgroup(layout, path));

  assert.throws(
    () => createCgroup(plan),
    (error) => isFault(error) && error.message.includes("cpuset.cpus"),
  );
  assert.deepEqual(
    foldersOf(layout, path).filter((folder) => existsSync(folder.path)),
    [],
  );
});

test("createCgroup: takes over what an earlier run left, with what was made inside", { skip }, (t) => {
  const { path, plan } = make(t, { devices: [], pids: { limit: 3 } });
  mkdirSync(join(legacy.controllers["pids"] ?? "", path, "a", "b"), { recursive: true });

  createCgroup(planCgroup(legacy, path, { devices: [] }));

  assert.equal(pidsUsage(layout, path)?.limit, Number.POSITIVE_INFINITY);
  assert.ok(plan.directories.every((directory) => existsSync(directory)));
  assert.ok(!existsSync(join(legacy.controllers["pids"] ?? "", path, "a")));
});

test("createCgroup: refuses to take over what others live in", { skip }, async (t) => {
  const { plan } = make(t, { devices: [] });
  const child = runIn(t, plan.processFiles.slice(0, 1), "exec cat");
  await joined(child);

  assert.throws(
    () => createCgroup(plan),
    (error) => isFault(error, "conflict"),
  );
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("freeze: stands still until thawed, and can be killed frozen", { skip }, async (t) => {
  const { path, plan } = make(t, { devices: [] });
  const child = runIn(t, plan.processFiles, "exec cat");
  await joined(child);

  await freeze(layout, path, t.signal);
  child.stdin?.write("echo");
  const unified = legacy.unified === undefined ? undefined : join(legacy.unified, path, "cgroup.events");
  if (unified !== undefined) assert.match(readFileSync(unified, "utf8"), /frozen 1/);
  thaw(layout, path);
  assert.equal(String((await joined(child))[0]), "echo");

  await freeze(layout, path, t.signal);
  killAll(layout, path);
  assert.equal((await once(child, "exit"))[1], "SIGKILL");
});

test("freeze: a cgroup that is not there is not found; an aborted freeze freezes nothing", {
  skip,
}, async (t) => {
  await assert.rejects(freeze(layout, `${parent}/none`, t.signal), (error) => isFault(error, "not-found"));
  const { path } = make(t, { devices: [] });
  await assert.rejects(freeze(layout, path, AbortSignal.abort()), { name: "AbortError" });
});

test("oomKills: counts what the kernel killed for want of memory", { skip }, async (t) => {
  const { path, plan } = make(t, { devices: [], memory: { limit: 8 * MB, swap: 8 * MB } });
  const child = runIn(t, plan.processFiles, "a=0123456789; while :; do a=$a$a; done");
  await joined(child);

  assert.equal((await once(child, "exit"))[1], "SIGKILL");
  assert.equal(oomKills(layout, path), 1);
});

test("the readers understand v2 files", (t) => {
  const root = mkdtempSync(join(tmpdir(), "gantry-cgroup-"));
  t.after(() => rmSync(root, { recursive: true }));
  const v2: CgroupLayout = { kind: "v2", root, controllers: [] };
  mkdirSync(join(root, "a", "b"), { recursive: true });
  const files = {
    "memory.stat": "anon 5\nfile 7\n",
    "memory.current": "12\n",
    "memory.max": "max\n",
    "memory.events": "low 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n",
    "cpu.stat": "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1\n",
    "pids.current": "2\n",
    "pids.max": "max\n",
    "cgroup.procs": "20\n0\n3\n",
    "b/cgroup.procs": "11\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, "a", name), text);

  assert.deepEqual(memoryUsage(v2, "/a"), {
    usage: 12,
    limit: Number.POSITIVE_INFINITY,
    failures: 3,
    stat: { anon: 5, file: 7 },
  });
  assert.deepEqual(cpuUsage(v2, "/a"), {
    total: 10_000,
    user: 6000,
    system: 4000,
    periods: 3,
    throttledPeriods: 2,
    throttled: 1000,
  });
  assert.deepEqual(pidsUsage(v2, "/a"), { current: 2, limit: Number.POSITIVE_INFINITY });
  assert.deepEqual(processIds(v2, "/a"), [3, 11, 20]);
  assert.equal(oomKills(v2, "/a"), 2);
});
