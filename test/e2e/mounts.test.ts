import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-mounts-"));
  engine = await EngineUnderTest.start("10.216.0.1/16");
  await loadBusybox(engine);
});

after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const ok = (...args: string[]) => engine.dockerOk(...args);

async function withContainer(flags: readonly string[], use: (id: string) => Promise<void>): Promise<void> {
  const id = await ok("run", "-d", ...flags, "test", "sleep", "1000");
  try {
    await use(id);
  } finally {
    await ok("rm", "-fv", id);
  }
}

const hostMounts = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(` ${engine.root}/`));

test("mounts go between a bind and the host as its propagation says", async () => {
  const shared = join(folder, "shared");
  mkdirSync(shared);
  execFileSync("mount", ["-t", "tmpfs", "shared", shared]);
  try {
    execFileSync("mount", ["--make-shared", shared]);
    for (const name of ["inside", "outside"]) mkdirSync(join(shared, name));
    const flags = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v"];
    const expected = { rshared: [true, true], rslave: [false, true], rprivate: [false, false] };
    for (const [propagation, [reachesHost, reachesContainer]] of Object.entries(expected))
      await withContainer([...flags, `${shared}:/s:${propagation}`], async (id) => {
        await ok("exec", id, "sh", "-c", "mount -t tmpfs x /s/inside && touch /s/inside/file");
        assert.equal(existsSync(join(shared, "inside/file")), reachesHost, propagation);
        execFileSync("mount", ["-t", "tmpfs", "y", join(shared, "outside")]);
        writeFileSync(join(shared, "outside/file"), "");
        assert.equal(await ok("exec", id, "ls", "/s/outside"), reachesContainer ? "file" : "");
        execFileSync("umount", [join(shared, "outside")]);
        if (reachesHost) execFileSync("umount", [join(shared, "inside")]);
      });
    assert.deepEqual(hostMounts(), []);
  } finally {
    execFileSync("umount", ["-R", shared]);
  }
});

test("a source that cannot propagate is refused in Docker's words", async () => {
  const alone = join(folder, "alone");
  mkdirSync(alone);
  execFileSync("mount", ["-t", "tmpfs", "alone", alone]);
  try {
    execFileSync("mount", ["--make-private", alone]);
    for (const [propagation, kind] of [
      ["rshared", "a shared mount"],
      ["rslave", "a shared or slave mount"],
    ]) {
      const { stderr } = await engine.docker(
        "run",
        "--rm",
        "-v",
        `${alone}:/a:${propagation}`,
        "test",
        "true",
      );
      assert.match(stderr, new RegExp(`path ${alone} is mounted on ${alone} but it is not ${kind}`));
    }
  } finally {
    execFileSync("umount", [alone]);
  }
});

test("who joins the IPC of a shareable container sees its /dev/shm, of a private one nothing", async () => {
  await withContainer(["--ipc", "shareable", "--shm-size", "8m"], async (donor) => {
    const look = "df -m /dev/shm | tail -1 | awk '{print $2}'; echo hello > /dev/shm/word";
    assert.equal(await ok("run", "--rm", "--ipc", `container:${donor}`, "test", "sh", "-c", look), "8");
    assert.equal(await ok("exec", donor, "cat", "/dev/shm/word"), "hello");
    // What the donor puts into its place leads nowhere.
    await ok("exec", donor, "sh", "-c", "ls -d /dev/shm");
  });
  await withContainer([], async (donor) => {
    const { stderr } = await engine.docker("run", "--rm", "--ipc", `container:${donor}`, "test", "true");
    assert.match(stderr, /non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)/);
  });
  assert.equal(
    await ok("run", "--rm", "--ipc", "none", "test", "sh", "-c", "[ -e /dev/shm ] || echo none"),
    "none",
  );
});

test("an image can be mounted, in part too, and its layers stay as long as the container", async () => {
  await loadBusybox(engine, "data:latest", {}, (rootfs) => {
    mkdirSync(join(rootfs, "data/sub"), { recursive: true });
    writeFileSync(join(rootfs, "data/sub/file"), "from the image");
    execFileSync("ln", ["-s", "/etc", join(rootfs, "data/out")]);
  });
  const mount = (rest: string) => ["--mount", `type=image,src=data,dst=/i${rest}`];
  await withContainer(mount(",image-subpath=data/sub"), async (id) => {
    assert.equal(await ok("exec", id, "cat", "/i/file"), "from the image");
    const write = await engine.docker("exec", id, "touch", "/i/x");
    assert.match(write.stderr, /Read-only file system/);
    await ok("rmi", "-f", "data");
    await ok("restart", "-t", "0", id);
    assert.equal(await ok("exec", id, "cat", "/i/file"), "from the image");
    await loadBusybox(engine, "data:latest", {}, (rootfs) => {
      mkdirSync(join(rootfs, "data"));
      execFileSync("ln", ["-s", "/etc", join(rootfs, "data/out")]);
    });
  });
  assert.equal(await ok("run", "--rm", ...mount(""), "test", "sh", "-c", "ls /i | grep -c bin"), "1");
  for (const part of ["data/out", "data/missing"]) {
    const { code, stderr } = await engine.docker(
      "run",
      "--rm",
      ...mount(`,image-subpath=${part}`),
      "test",
      "true",
    );
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(part));
  }
  const outside = await engine.docker("run", "--rm", ...mount(",image-subpath=../etc"), "test", "true");
  assert.match(outside.stderr, /subpath must be a relative path within the volume/);
  await ok("rmi", "data");
});

test("a part of a volume stays inside while links are swapped in it", { timeout: 60_000 }, async () => {
  const secret = join(folder, "secret");
  mkdirSync(secret);
  writeFileSync(join(secret, "file"), "secret");
  await ok(
    "run",
    "--rm",
    "-v",
    "raced:/v",
    "test",
    "sh",
    "-c",
    "mkdir -p /v/part; echo inside > /v/part/file",
  );
  const swap = `cd /v; ln -s ${secret} link; while :; do mv part real; mv link part; usleep 5000; mv part link; mv real part; usleep 5000; done`;
  const racer = await ok("run", "-d", "-v", "raced:/v", "test", "sh", "-c", swap);
  const seen = new Set<string>();
  for (let round = 0; round < 60; round++) {
    const flags = ["--mount", "type=volume,src=raced,dst=/p,volume-subpath=part", "--network", "none"];
    const { stdout, code } = await engine.docker("run", "--rm", ...flags, "test", "cat", "/p/file");
    if (code === 0) seen.add(stdout.trim());
  }
  await ok("rm", "-f", racer);
  assert.ok(!seen.has("secret"));
  assert.ok(seen.has("inside"));
  await ok("volume", "rm", "raced");
});

test("what a container that never ran mounts can be copied from it, and used from it", async () => {
  await ok("run", "--rm", "-v", "parts:/v", "test", "sh", "-c", "mkdir /v/a; echo text > /v/a/file");
  await ok(
    "create",
    "--name",
    "never",
    "--mount",
    "type=volume,src=parts,dst=/p/q,volume-subpath=a",
    "--mount",
    "type=image,src=test,dst=/i,image-subpath=bin",
    "test",
  );
  await ok("cp", "never:/p/q/file", join(folder, "copied"));
  assert.equal(readFileSync(join(folder, "copied"), "utf8"), "text\n");
  assert.equal(
    await ok("run", "--rm", "--volumes-from", "never", "test", "sh", "-c", "cat /p/q/file; ls /i/busybox"),
    "text\n/i/busybox",
  );
  assert.equal(await ok("diff", "never"), "");
  await ok("rm", "never");
  await ok("volume", "rm", "parts");
});

test("a mount's place that another container swaps for a link stays inside", {
  timeout: 60_000,
}, async () => {
  const victim = join(folder, "victim");
  mkdirSync(victim);
  await ok("run", "--rm", "-v", "places:/v", "test", "mkdir", "-p", "/v/part/below");
  const swap = `cd /v; ln -s ${victim} link; while :; do mv part real; mv link part; usleep 5000; mv part link; mv real part; usleep 5000; done`;
  const racer = await ok("run", "-d", "-v", "places:/v", "test", "sh", "-c", swap);
  let started = 0;
  for (let round = 0; round < 40; round++) {
    const flags = ["-v", "places:/v", "-v", "inner:/v/part/below/new", "-v", "/v/part/anonymous"];
    const { code, stdout } = await engine.docker(
      "run",
      "--rm",
      "--network",
      "none",
      ...flags,
      "test",
      "cat",
      "/proc/self/mountinfo",
    );
    if (code === 0) started++;
    assert.ok(!stdout.includes(victim));
    assert.deepEqual(readdirSync(victim), []);
  }
  assert.ok(started > 0);
  // The same for a container that does not run, whose mounts a worker makes for cp.
  const stopped = await ok("create", "-v", "places:/v", "-v", "inner:/v/part/below/new", "test");
  for (let round = 0; round < 10; round++) {
    await engine.docker("cp", `${stopped}:/v/part/below`, "-");
    assert.deepEqual(readdirSync(victim), []);
  }
  await ok("rm", "-fv", racer, stopped);
  await ok("volume", "rm", "places", "inner");
});

test("a volume with a file system of its own is mounted while containers use it, also after a kill", async () => {
  const options = ["type=tmpfs", "device=tmpfs", "o=size=4m"].flatMap((option) => ["-o", option]);
  await ok("volume", "create", ...options, "memory");
  await withContainer(["-v", "memory:/m"], async (first) => {
    await ok("exec", first, "touch", "/m/file");
    assert.equal(hostMounts().length, 1);
    assert.match(
      await ok("run", "--rm", "-v", "memory:/m:ro", "test", "sh", "-c", "ls /m; grep ' /m ' /proc/mounts"),
      /^file\ntmpfs \/m tmpfs ro,/,
    );
    await engine.stop("SIGKILL");
    await engine.up();
    assert.equal(hostMounts().length, 1);
    const { stderr } = await engine.docker("volume", "rm", "memory");
    assert.match(stderr, /volume is in use/);
    assert.equal(await ok("exec", first, "ls", "/m"), "file");
    // One that ends while nobody looks.
    await engine.stop("SIGKILL");
    execFileSync("sh", ["-c", `kill -9 $(grep -la ' /m ' /proc/[0-9]*/mountinfo | cut -d/ -f3)`]);
    await engine.up();
    await ok("wait", first);
  });
  await ok("volume", "rm", "memory");
  assert.deepEqual(hostMounts(), []);
  await ok("volume", "create", "-o", "type=nosuchfs", "-o", "device=/x", "broken");
  const { stderr } = await engine.docker("run", "--rm", "-v", "broken:/b", "test", "true");
  assert.match(stderr, /failed to mount local volume: mount \/x:.*_data: no such device/);
  await ok("volume", "rm", "broken");
});

test("a failed start says why in the container's words, not in the folder of the layers", () => {
  assert.deepEqual(
    readdirSync(join(engine.root, "snapshots")).filter((name) => !/^\d+$|^empty$/.test(name)),
    [],
  );
});
