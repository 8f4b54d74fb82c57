import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { maskedPaths, readonlyPaths } from "#engine/runtime/default-paths.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

// What hostile images and processes try, each case known from another engine's history; none may reach the host.

const secret = "only the host knows this";
const usualMask = "00000000a80425fb";

let engine: EngineUnderTest;
/** A folder of the host with a file in it; images and containers point at it. */
let victim: string;

before(async () => {
  victim = mkdtempSync(join(tmpdir(), "gantry-victim-"));
  chmodSync(victim, 0o755);
  writeFileSync(join(victim, "secret"), secret);
  writeFileSync(join(victim, "passwd"), "evil:x:0:0::/:/bin/sh\n");
  engine = await EngineUnderTest.start("10.221.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  assertVictimUntouched();
  rmSync(victim, { recursive: true });
  await engine[Symbol.asyncDispose]();
});

function assertVictimUntouched(): void {
  assert.deepEqual(readdirSync(victim).sort(), ["passwd", "secret"]);
  assert.equal(readFileSync(join(victim, "secret"), "utf8"), secret);
  assert.equal(statSync(join(victim, "secret")).mode & 0o7777, 0o644);
}

/** What a shell in a new container prints. */
async function inContainer(script: string, ...options: string[]): Promise<string> {
  const { stdout, stderr } = await engine.docker("run", "--rm", ...options, "test", "sh", "-c", script);
  return stdout + stderr;
}

async function withContainer(
  options: readonly string[],
  work: (name: string) => Promise<void>,
): Promise<void> {
  const { code, stderr } = await engine.docker(
    "run",
    "-d",
    "--name",
    "target",
    ...options,
    "test",
    "sleep",
    "1000",
  );
  assert.equal(code, 0, stderr);
  try {
    await work("target");
  } finally {
    await engine.docker("rm", "-f", "target");
  }
}

for (const folder of ["dev", "proc", "sys"])
  test(`an image whose /${folder} is a link to a folder of the host does not start`, async () => {
    await loadBusybox(engine, "linked:latest", {}, (rootfs) => {
      rmSync(join(rootfs, folder), { recursive: true });
      symlinkSync(victim, join(rootfs, folder));
    });
    const { code, stdout } = await engine.docker("run", "--rm", "linked", "cat", `/${folder}/secret`);
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
    assertVictimUntouched();
    await engine.docker("rmi", "-f", "linked");
  });

test("a link at /etc, /etc/hosts or a volume's target leads nowhere outside", async () => {
  await loadBusybox(engine, "linked:latest", {}, (rootfs) => {
    rmSync(join(rootfs, "etc"), { recursive: true });
    symlinkSync(victim, join(rootfs, "etc"));
    symlinkSync(victim, join(rootfs, "data"));
  });
  await engine.docker("run", "--rm", "-v", "/data/below", "-v", `${engine.run}:/data/up`, "linked", "true");
  assertVictimUntouched();
  await engine.docker("rmi", "-f", "linked");
});

test("no descriptor of the engine's leads a working folder out of the container", async () => {
  const up = "../".repeat(12);
  const look = `cat ${up}${victim}/secret; ls ${up}`;
  const hostNames = readdirSync("/").filter((name) => name === "work" || name === "boot");
  const numbers = Array.from({ length: 18 }, (_, i) => i + 3);
  await withContainer([], async (name) => {
    assert.equal((await engine.docker("exec", name, "ls", "/proc/1/fd")).stdout, "0\n1\n2\n");
    assert.equal((await engine.docker("exec", name, "ls", "/proc/self/fd")).stdout, "0\n1\n2\n3\n");
    for (const number of numbers)
      for (const output of [
        await inContainer(look, "-w", `/proc/self/fd/${number}`),
        (await engine.docker("exec", "-w", `/proc/self/fd/${number}`, name, "sh", "-c", look)).stdout,
      ]) {
        assert.ok(!output.includes(secret), `descriptor ${number}`);
        for (const found of hostNames) assert.ok(!output.split("\n").includes(found), `descriptor ${number}`);
      }
  });
});

test("docker cp follows links of the container within the container", async () => {
  const local = mkdtempSync(join(tmpdir(), "gantry-local-"));
  writeFileSync(join(local, "secret"), "overwritten");
  const links = `ln -s ${victim} /link; ln -s ${victim}/secret /file; ln -s ../../../../../../${victim} /tmp/up; sleep 1000`;
  await engine.docker("run", "-d", "--name", "copied", "test", "sh", "-c", links);
  while ((await engine.docker("exec", "copied", "readlink", "/tmp/up")).code !== 0) {}
  for (const state of ["running", "stopped"]) {
    for (const from of ["/link/secret", "/tmp/up/secret", "/proc/1/root/link/secret"]) {
      const target = join(local, "out");
      assert.notEqual((await engine.docker("cp", `copied:${from}`, target)).code, 0, `${state} ${from}`);
      assert.ok(!existsSync(target));
    }
    assert.notEqual((await engine.docker("cp", "-L", "copied:/file", join(local, "out"))).code, 0, state);
    for (const to of ["/link/", "/link/secret", "/file", "/tmp/up/secret"])
      await engine.docker("cp", join(local, "secret"), `copied:${to}`);
    assertVictimUntouched();
    if (state === "running") await engine.docker("kill", "copied");
  }
  await engine.docker("rm", "copied");
  rmSync(local, { recursive: true });
});

test("docker cp in a race with a container that swaps a folder and a link stays inside", async () => {
  const local = mkdtempSync(join(tmpdir(), "gantry-local-"));
  writeFileSync(join(local, "secret"), "overwritten");
  const swap = `mkdir /a; echo mine > /a/secret; ln -s ${victim} /b; while :; do mv /a /c; mv /b /a; mv /a /b; mv /c /a; done`;
  await engine.docker("run", "-d", "--name", "swaps", "test", "sh", "-c", swap);
  for (let i = 0; i < 10; i++) {
    await engine.docker("cp", "swaps:/a/secret", join(local, "out"));
    if (existsSync(join(local, "out"))) assert.notEqual(readFileSync(join(local, "out"), "utf8"), secret);
    await engine.docker("cp", join(local, "secret"), "swaps:/a/secret");
    assertVictimUntouched();
  }
  await engine.docker("rm", "-f", "swaps");
  rmSync(local, { recursive: true });
});

test("an archive for docker cp is never unpacked by a program of the container's", async () => {
  const marker = join(victim, "marker");
  await loadBusybox(engine, "tools:latest", {}, (rootfs) => {
    for (const folder of ["bin", "usr/bin"])
      for (const tool of ["xz", "gzip", "unpigz", "zstd", "bzip2", "tar"]) {
        const path = join(rootfs, folder, tool);
        mkdirSync(join(rootfs, folder), { recursive: true });
        rmSync(path, { force: true });
        writeFileSync(path, `#!/bin/sh\necho ran > ${marker}; echo ran > /marker\n`, { mode: 0o755 });
      }
  });
  await engine.docker("run", "-d", "--name", "tools", "tools", "sleep", "1000");
  for (const magic of ["fd377a585a00", "1f8b08", "28b52ffd", "425a68"]) {
    const body = Readable.from([Buffer.concat([Buffer.from(magic, "hex"), Buffer.alloc(2000, 7)])]);
    const { status } = await engine.upload("PUT", "/containers/tools/archive?path=/tmp", body);
    assert.equal(status, 400, magic);
  }
  assert.notEqual((await engine.docker("exec", "tools", "ls", "/marker")).code, 0);
  await engine.docker("rm", "-f", "tools");
  await engine.docker("rmi", "tools");
});

test("a user is exactly who was named, or nobody", async () => {
  const wanted = [
    ["1:2", "1 2"],
    ["01", "1 0"],
    ["+1", "1 0"], // as Go reads numbers
    ["2147483647", "2147483647 0"],
    ["nobody", "65534 65534"],
    ["0:65534", "0 65534"],
  ] as const;
  for (const [user, ids] of wanted)
    assert.equal(await inContainer("echo $(id -u) $(id -g)", "-u", user), `${ids}\n`, user);
  for (const user of ["someone", "4294967296", "2147483648", "-1", "0x0", "root ", "1e0", "1:x", "0:-1"])
    assert.doesNotMatch(await inContainer("echo uid $(id -u)", "-u", user), /^uid/m, user);
});

for (const [what, make] of [
  ["a pipe", (path: string) => execFileSync("mkfifo", [path])],
  ["a link out", (path: string) => symlinkSync(join(victim, "passwd"), path)],
  ["a link to a device", (path: string) => symlinkSync("/dev/zero", path)],
  ["a device", (path: string) => execFileSync("mknod", [path, "c", "1", "5"])],
] as const)
  test(`an image whose /etc/passwd is ${what} names no user, and holds nothing up`, async () => {
    await loadBusybox(engine, "users:latest", {}, (rootfs) => {
      rmSync(join(rootfs, "etc/passwd"));
      make(join(rootfs, "etc/passwd"));
    });
    const begin = performance.now();
    const { code, stdout } = await engine.docker("run", "--rm", "-u", "evil", "users", "id", "-u");
    assert.notEqual(code, 0);
    assert.equal(stdout, "");
    await engine.docker("run", "--rm", "-u", "7", "users", "true");
    assert.ok(performance.now() - begin < 2000);
    await engine.docker("rmi", "-f", "users");
  });

test("capabilities are the usual 14, and none is inheritable or ambient, in run and exec", async () => {
  const show = "grep ^Cap /proc/self/status";
  const sets = (text: string) =>
    Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(":\t") as [string, string]),
    );
  const none = "0000000000000000";
  const root = { CapInh: none, CapPrm: usualMask, CapEff: usualMask, CapBnd: usualMask, CapAmb: none };
  const user = { ...root, CapPrm: none, CapEff: none };
  assert.deepEqual(sets(await inContainer(show)), root);
  assert.deepEqual(sets(await inContainer(show, "-u", "1000")), user);
  await withContainer([], async (name) => {
    const exec = async (...options: string[]) =>
      sets((await engine.docker("exec", ...options, name, "sh", "-c", show)).stdout);
    assert.deepEqual(await exec(), root);
    assert.deepEqual(await exec("-u", "1000"), user);
  });
});

test("masked paths are empty, read-only ones cannot be written", async () => {
  const masked = `for path in ${maskedPaths.join(" ")}; do
    if [ -d $path ]; then ls -A $path; elif [ -e $path ]; then cat $path; fi; done 2>&1`;
  assert.equal(await inContainer(masked), "");
  const writes = `find ${readonlyPaths.join(" ")} -type f 2>/dev/null | while read file; do
    if (: >> $file) 2>/dev/null; then echo $file; fi; done
    (echo x > /proc/sys/kernel/core_pattern) 2>&1`;
  assert.equal(
    await inContainer(writes),
    "sh: can't create /proc/sys/kernel/core_pattern: Read-only file system\n",
  );
});

test("nothing of /proc and /sys that belongs to the host can be written", async () => {
  const census = `find /proc /sys -type f -perm -200 ! -path '/proc/[0-9]*' ! -path '/proc/sys/*' 2>/dev/null |
    while read file; do if (: >> $file) 2>/dev/null; then echo $file; fi; done`;
  const found = (await inContainer(census)).split("\n").filter((path) => path !== "");
  // What stands below pressure is a question that whoever opens it asks for itself.
  assert.deepEqual(
    found.filter((path) => !path.startsWith("/proc/pressure/")),
    [],
  );
});

test("release_agent cannot be reached, also with SYS_ADMIN in a new user namespace", async () => {
  const before = readFileSync("/sys/fs/cgroup/memory/release_agent", "utf8");
  const attack = `mkdir -p /tmp/cg; found=/sys/fs/cgroup
    mount -t cgroup -o memory cgroup /tmp/cg 2>/dev/null && found="$found /tmp/cg"
    for file in $(find $found -name release_agent 2>/dev/null); do
    (echo /tmp/x > $file) 2>/dev/null && echo wrote $file; done`;
  assert.doesNotMatch(await inContainer(attack), /wrote/);
  assert.doesNotMatch(await inContainer(`unshare -Urm sh -c '${attack}'`, "--cap-add", "SYS_ADMIN"), /wrote/);
  assert.equal(readFileSync("/sys/fs/cgroup/memory/release_agent", "utf8"), before);
});

test("a device node of the host's disk can be made but not opened", async () => {
  const [major, minor] =
    readFileSync("/proc/partitions", "utf8")
      .match(/^ +\d+ +\d+/m)?.[0]
      .trim()
      .split(/ +/) ?? [];
  const output = await inContainer(
    `mknod /tmp/disk b ${major} ${minor} && dd if=/tmp/disk bs=512 count=1 of=/dev/null`,
  );
  assert.match(output, /can't open '\/tmp\/disk': Operation not permitted/);
  assert.match(
    await inContainer("dd if=/dev/fuse of=/dev/null; mknod /tmp/kmsg c 1 11; dd if=/tmp/kmsg of=/dev/null"),
    /kmsg': Operation not permitted/,
  );
});

test("other users of the host see nothing of the engine's folders", async () => {
  const asNobody = async (...command: string[]) => {
    const args = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", ...command];
    return promisify(execFile)("setpriv", args).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
  };
  await withContainer([], async () => {
    chmodSync(join(engine.run, ".."), 0o755); // as /run is
    assert.equal(await asNobody("find", engine.root, "-mindepth", "1"), "");
    for (const name of readdirSync(engine.root))
      if (statSync(join(engine.root, name)).isDirectory())
        assert.equal(statSync(join(engine.root, name)).mode & 0o007, 0, name);
    // Also by names that they can guess.
    const files = execFileSync("find", [engine.root, engine.run, "-type", "f"], { encoding: "utf8" });
    const script = 'for file; do if [ -r "$file" ]; then echo "$file"; fi; done';
    assert.equal(
      await asNobody("sh", "-c", script, "sh", ...files.trim().split("\n").slice(0, 2000)),
      `${engine.run}/engine.pid\n`,
    );
    assert.equal(statSync(engine.socket).mode & 0o777, 0o660);
  });
});

test("labels of images and annotations of clients steer nothing", async () => {
  const hostile = {
    "run.oci.seccomp_bpf_data": "BgAAAAAA/38=",
    "run.oci.handler": "krun",
    "run.oci.hooks.stderr": join(victim, "hook"),
    "org.opencontainers.image.stopSignal": "SIGKILL",
    "io.gantry.privileged": "true",
    "com.docker.network.host_mode": "true",
  };
  const Volumes = { "/../../../etc": {}, "/proc/self/root/x": {} };
  await loadBusybox(engine, "labelled:latest", { Labels: hostile });
  const show = "grep -E '^(Seccomp|CapEff|NoNew)' /proc/self/status";
  const plain = await inContainer(show);
  const annotations = Object.entries(hostile).flatMap(([key, value]) => ["--annotation", `${key}=${value}`]);
  const { stdout } = await engine.docker("run", "--rm", ...annotations, "labelled", "sh", "-c", show);
  assert.equal(stdout, plain);
  assert.match(plain, /^Seccomp:\t2$/m);
  await loadBusybox(engine, "volumes:latest", { Volumes });
  await engine.docker("run", "--rm", "volumes", "true");
  assertVictimUntouched();
  await engine.docker("rmi", "labelled", "volumes");
});
