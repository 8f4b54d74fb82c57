import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import type { HostConfig } from "#api/docker/container.ts";
import { capabilityNames } from "#host/capability-names.ts";
import { foldersOf, underBase } from "#host/cgroup/layout.ts";
import { planCgroup } from "#host/cgroup/plan.ts";
import { createCgroup, removeCgroup } from "#host/cgroup/tree.ts";
import { readHostFacts } from "#host/facts.ts";
import { defaultCapabilities } from "./capabilities.ts";
import { readHostDevices } from "./host-devices.ts";
import { planResources } from "./plan-resources.ts";
import type { SpecInput } from "./runtime-spec.ts";
import { sampleConfig, sampleHostConfig, sampleInput } from "./sample.contract.ts";
import { planSpec } from "./spec.ts";

const host = readHostFacts();
const parent = `/gantry-test-${process.pid}`;
const hasTools = existsSync("/usr/bin/crun") && existsSync("/bin/busybox");
const skip = process.getuid?.() !== 0 || host.cgroup.kind === "v2" || !hasTools;
const mountsBefore = readFileSync("/proc/self/mountinfo", "utf8");

after(() => {
  if (skip) return;
  removeCgroup(host.cgroup, parent);
  for (const folder of foldersOf(host.cgroup, parent))
    assert.ok(!existsSync(folder.path), `${folder.path} leaked`);
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8"), mountsBefore);
});

/** As the launcher does it: cgroups covered, joined, then the runtime. */
const launch = `set -e
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for file in $2; do echo 0 > "$file"; done
cd "$1"
exec crun --root "$1/state" --cgroup-manager=disabled run -b . "$3"`;

/** Runs a shell script in a container, and returns what it wrote. */
function run(
  t: TestContext,
  script: string,
  changes: Partial<HostConfig> = {},
  rest: Partial<SpecInput> = {},
): string {
  if (host.cgroup.kind === "v2") throw new Error("not on this machine");
  const bundle = mkdtempSync(join(tmpdir(), "gantry-run-"));
  t.after(() => rmSync(bundle, { recursive: true }));
  makeRoot(bundle);
  const hostConfig = { ...sampleHostConfig, ...changes };
  const id = `t${process.pid}`;
  const cgroupPath = `${parent}/${id}`;
  const devices = readHostDevices(hostConfig);
  const plan = planCgroup(host.cgroup, cgroupPath, planResources(hostConfig, devices));
  const { spec } = planSpec({
    ...sampleInput,
    config: { ...sampleConfig, ...rest.config },
    args: ["/bin/sh", "-c", script],
    etc: { hosts: join(bundle, "hosts"), hostname: join(bundle, "hosts"), resolvConf: join(bundle, "hosts") },
    network: { kind: "new" },
    cgroupPath,
    cgroupHostBase: join(bundle, "cgroup"),
    ...rest,
    hostConfig,
    devices,
    host,
  });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
  createCgroup(plan);
  t.after(() => assert.ok(removeCgroup(host.cgroup, cgroupPath)));
  const files = plan.processFiles.map((file) => underBase(file, join(bundle, "cgroup"))).join(" ");
  const result = spawnSync(
    "/usr/bin/unshare",
    ["--mount", "--propagation", "slave", "sh", "-c", launch, "sh", bundle, files, id],
    { encoding: "utf8", timeout: 20_000 },
  );
  assert.equal(result.status, 0, result.stderr);
  return result.stdout;
}

function makeRoot(bundle: string): void {
  for (const folder of ["cgroup", "rootfs/bin", "rootfs/etc"])
    mkdirSync(join(bundle, folder), { recursive: true });
  copyFileSync("/bin/busybox", join(bundle, "rootfs/bin/busybox"));
  for (const name of ["sh", "cat", "ls", "grep", "wc", "touch", "head", "mknod", "sleep", "stat"]) {
    symlinkSync("busybox", join(bundle, "rootfs/bin", name));
  }
  writeFileSync(join(bundle, "hosts"), "127.0.0.1 localhost\n");
  chmodSync(bundle, 0o755);
}

function maskOf(names: readonly string[]): string {
  const mask = names.reduce((sum, name) => sum | (1n << BigInt(capabilityNames.indexOf(name))), 0n);
  return mask.toString(16).padStart(16, "0");
}

test("a default container has Docker's capabilities, none to inherit, and a seccomp filter", {
  skip,
}, (t) => {
  const status = run(t, "cat /proc/self/status");

  const mask = maskOf(defaultCapabilities.filter((name) => host.capabilities.includes(name)));
  for (const set of ["CapPrm", "CapEff", "CapBnd"])
    assert.match(status, new RegExp(`^${set}:\t${mask}$`, "m"));
  for (const set of ["CapInh", "CapAmb"]) assert.match(status, new RegExp(`^${set}:\t0{16}$`, "m"));
  assert.match(status, /^NoNewPrivs:\t0$/m);
  assert.match(status, /^Seccomp:\t2$/m);
});

test("who is not root has no capabilities", { skip }, (t) => {
  const user = { uid: 1000, gid: 1001, additionalGids: [1001, 7], home: "/h" };

  const status = run(
    t,
    "cat /proc/self/status; echo HOME=$HOME",
    { SecurityOpt: ["no-new-privileges"] },
    { user },
  );

  for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"])
    assert.match(status, new RegExp(`^${set}:\t0{16}$`, "m"));
  assert.match(status, /^Groups:\t7 1001 $/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^HOME=\/h$/m);
});

test("masked paths are empty, read-only paths stay as they are", { skip }, (t) => {
  const output = run(
    t,
    `for path in /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /sys/firmware; do
       [ -e $path ] || continue
       if [ -d $path ]; then ls -A $path; else cat $path; fi
     done
     for path in /proc/sys/kernel/domainname /proc/irq/default_smp_affinity /sys/kernel/profiling /sys/fs/cgroup/new \
       /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/cgroup.procs; do
       (echo x > $path) 2>&1
     done; true`,
  );

  const lines = output.trimEnd().split("\n");
  assert.equal(lines.length, 6, output);
  for (const line of lines) assert.match(line, /Read-only file system/);
});

test("only the standard devices are there and can be opened; no descriptor leaks in", { skip }, (t) => {
  const output = run(
    t,
    `ls /dev; mknod /dev/raw b 254 0 && (head -c 1 /dev/raw 2>&1; true)
     mknod /dev/mem c 1 1; (head -c 1 /dev/mem 2>&1; true); head -c 1 /dev/urandom | wc -c; ls /proc/$$/fd; true`,
  );

  const names = [
    "core",
    "fd",
    "full",
    "mqueue",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
    "tty",
    "urandom",
    "zero",
  ];
  assert.deepEqual(output.split("\n").slice(0, names.length), names);
  assert.deepEqual(output.match(/Operation not permitted/g)?.length, 2);
  assert.match(output, /\n1\n0\n1\n2\n$/);
});

test("limits hold, and the container sees them where programs look", { skip }, (t) => {
  const output = run(
    t,
    `cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpuset/cpuset.cpus
     ls; grep -c " /sys/fs/cgroup/memory ro" /proc/self/mountinfo
     (i=0; while [ $i -lt 30 ]; do sleep 9 >/dev/null 2>&1 & i=$((i+1)); done) 2>&1; true`,
    { Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024, PidsLimit: 12, NanoCpus: 5e8 },
  );

  assert.match(output, /^67108864\n12\n50000\n\d/);
  assert.match(output, /\ncpu\ncpuacct\ncpuset\nmemory\npids\n1\n/);
  assert.match(output, /can't fork/);
});

test("privileged has every capability and device of the host, and may write to its cgroups", {
  skip,
}, (t) => {
  const output = run(
    t,
    `grep CapEff /proc/self/status; grep Seccomp: /proc/self/status
     echo 5 > /sys/fs/cgroup/pids/pids.max && cat /sys/fs/cgroup/pids/pids.max
     ls /dev; head -c 1 /dev/full | wc -c; ls -A /sys/firmware | wc -l`,
    { Privileged: true },
  );

  assert.match(output, new RegExp(`^CapEff:\t${maskOf(host.capabilities)}\nSeccomp:\t0\n5\n`));
  for (const device of readHostDevices({ ...sampleHostConfig, Privileged: true }).nodes.slice(0, 5)) {
    assert.ok(output.includes(device.path.split("/").at(-1) ?? ""));
  }
});

test("devices and ulimits that were asked for, as far as the daemon can give them", { skip }, (t) => {
  const output = run(t, "stat -c '%t:%T %a' /dev/mine; ulimit -n; ulimit -Hc", {
    Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/mine", CgroupPermissions: "r" }],
    Ulimits: [
      { Name: "nofile", Soft: 99, Hard: 2 ** 40 },
      { Name: "core", Soft: 0, Hard: -1 },
    ],
  });

  assert.match(output, /^1:3 666\n99\nunlimited\n$/);
});
