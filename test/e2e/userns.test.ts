import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";

let engine: EngineUnderTest;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-userns-"));
  engine = await EngineUnderTest.start("10.214.0.1/16", undefined, ["--userns-remap", "default"]);
  await loadBusybox(engine, "test:latest", { Volumes: { "/data": {} } }, (rootfs) => {
    execFileSync("mkdir", [join(rootfs, "data")]);
    writeFileSync(join(rootfs, "data/seed"), "seed");
    chownSync(join(rootfs, "data/seed"), 33, 33);
  });
});

after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const ok = (...args: string[]) => engine.dockerOk(...args);

async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await engine.docker("run", "--rm", ...args, "test", "true");
  assert.notEqual(code, 0);
  return stderr;
}

async function withContainer(
  name: string,
  flags: readonly string[],
  use: () => Promise<void>,
): Promise<void> {
  await ok("run", "-d", "--name", name, ...flags, "test", "sleep", "1000");
  try {
    await use();
  } finally {
    await ok("rm", "-fv", name);
  }
}

const mapOf = async (name: string) =>
  (await ok("exec", name, "cat", "/proc/self/uid_map")).split(/\s+/).map(Number);

test("every container has IDs of its own, and no other's", async () => {
  assert.match(await ok("info", "--format", "{{json .SecurityOptions}}"), /"name=userns"/);
  await withContainer("one", [], async () => {
    await withContainer("two", [], async () => {
      const [first, second] = [await mapOf("one"), await mapOf("two")];
      for (const [inside, base = 0, size] of [first, second]) {
        assert.deepEqual([inside, size], [0, 65_536]);
        assert.ok(base >= 0x7000_0000);
      }
      assert.notEqual(first[1], second[1]);
      const pid = await ok("inspect", "--format", "{{.State.Pid}}", "one");
      assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`^Uid:\\t${first[1]}\\t`, "m"));
      // Also after the engine was killed: the records say who has what.
      await engine.stop("SIGKILL");
      await engine.up();
      await withContainer("three", [], async () => {
        assert.ok(![first[1], second[1]].includes((await mapOf("three"))[1]));
      });
    });
  });
});

test("files of the image are root's inside; what is written is so on disk, in images, and after a restart", async () => {
  await withContainer("writer", ["-v", "vol:/vol"], async () => {
    const list = "ls -ln /bin/busybox /data/seed /new /vol/f | awk '{print $3, $4, $NF}'";
    await ok("exec", "writer", "sh", "-c", "touch /new /vol/f; chown 5:6 /new /vol/f");
    const expected = "0 0 /bin/busybox\n33 33 /data/seed\n5 6 /new\n5 6 /vol/f";
    assert.equal(await ok("exec", "writer", "sh", "-c", list), expected);
    const upper = await ok("inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", "writer");
    const { uid, gid } = statSync(join(upper, "new"));
    assert.deepEqual([uid, gid], [5, 6]);
    assert.equal(statSync(join(engine.root, "volumes/vol/_data/f")).uid, 5);
    await ok("restart", "-t", "0", "writer");
    assert.equal(await ok("exec", "writer", "sh", "-c", list), expected);
    await ok("commit", "writer", "copy");
    for (const flags of [[], ["--userns", "host"]])
      assert.equal(
        await ok("run", "--rm", ...flags, "copy", "sh", "-c", "ls -ln /new | awk '{print $3, $4}'"),
        "5 6",
      );
    await ok("rmi", "copy");
  });
  await ok("volume", "rm", "vol");
});

test("cp and export have the container's owners, running and stopped", async () => {
  const file = join(folder, "file");
  writeFileSync(file, "content");
  chownSync(file, 7, 8);
  await withContainer("copied", [], async () => {
    for (const name of ["running", "stopped"]) {
      await ok("cp", file, `copied:/${name}`);
      execFileSync("docker", [
        "-H",
        `unix://${engine.socket}`,
        "cp",
        "copied:/data/seed",
        join(folder, "seed"),
      ]);
      const archive = join(folder, `${name}.tar`);
      await ok("export", "-o", archive, "copied");
      const listing = execFileSync("tar", ["tvnf", archive, name, "bin/busybox"], { encoding: "utf8" });
      assert.match(listing, / 7\/8 .* (running|stopped)\n/);
      assert.match(listing, / 0\/0 .* bin\/busybox\n/);
      const answer = await engine.api("GET", `/containers/copied/archive?path=/${name}`);
      assert.equal(Number.parseInt(answer.body.slice(108, 115), 8), 7); // uid in the header
      if (name === "running") await ok("stop", "-t", "0", "copied");
    }
    await ok("start", "copied");
    assert.equal(
      await ok("exec", "copied", "sh", "-c", "ls -ln /running /stopped | awk '{print $3, $4}'"),
      "7 8\n7 8",
    );
  });
});

test("root in there rules its network, its terminal and its standard streams, and nothing else", async () => {
  const inside = "ip link set lo down && ip link set lo up && echo out > /dev/stdout && ls /sys/class/net";
  assert.equal(
    await ok("run", "--rm", "--cap-add", "NET_ADMIN", "test", "sh", "-c", inside),
    "out\neth0\nlo",
  );
  const secret = join(folder, "secret");
  writeFileSync(secret, "secret", { mode: 0o600 });
  const { stderr } = await engine.docker(
    "run",
    "--rm",
    "-v",
    `${folder}:/host`,
    "test",
    "cat",
    "/host/secret",
  );
  assert.match(stderr, /Permission denied/);
  const made = join(folder, "made");
  await ok("run", "--rm", "-v", `${made}:/made`, "test", "touch", "/made/file");
  assert.ok(statSync(join(made, "file")).uid >= 0x7000_0000);
  const device = await ok(
    "run",
    "--rm",
    "--device",
    "/dev/zero:/dev/z",
    "test",
    "sh",
    "-c",
    "head -c3 /dev/z | wc -c",
  );
  assert.equal(device, "3");
  const mknod = await engine.docker("run", "--rm", "test", "mknod", "/tmp/disk", "b", "254", "0");
  assert.match(mknod.stderr, /Operation not permitted/);
});

test("steps of a build have IDs of their own, too, and leave files as others see them", async () => {
  const context = join(folder, "context");
  mkdirSync(context);
  const step = "RUN cat /proc/self/uid_map && touch /made && chown 5:6 /made";
  writeFileSync(join(context, "Dockerfile"), `FROM test\n${step}\n`);
  const output = await ok("build", "-q=false", "-t", "built", context);
  assert.match(output, /^ +0 +\d{10} +65536$/m);
  assert.equal(await ok("run", "--rm", "built", "sh", "-c", "ls -ln /made | awk '{print $3, $4}'"), "5 6");
  await ok("rmi", "built");
});

test("who joins another container's namespaces has its IDs", async () => {
  await withContainer("donor", ["--ipc", "shareable"], async () => {
    const base = (await mapOf("donor"))[1];
    for (const mode of ["--network", "--pid", "--ipc"]) {
      const look = "cat /proc/self/uid_map; ls -ln /data/seed | awk '{print $3}'";
      const seen = await ok("run", "--rm", mode, "container:donor", "test", "sh", "-c", look);
      assert.deepEqual(seen.split(/\s+/), ["0", String(base), "65536", "33"]);
    }
  });
  await withContainer("plain", ["--userns", "host"], async () => {
    assert.match(await refused("--network", "container:plain"), /which has no user namespace/);
    assert.equal((await mapOf("plain"))[1], 0);
  });
});

test("what does not go with a user namespace is refused in Docker's words", async () => {
  assert.match(
    await refused("--privileged"),
    /privileged mode is incompatible with user namespaces\. {2}You must run/,
  );
  assert.match(
    await refused("--network", "host"),
    /cannot share the host's network namespace when user namespaces/,
  );
  assert.match(
    await refused("--pid", "host"),
    /cannot share the host PID namespace when user namespaces are enabled/,
  );
  await ok("run", "--rm", "--userns", "host", "--network", "host", "--pid", "host", "test", "true");
  const { status } = await engine.api("POST", "/containers/create", {
    Image: "test",
    HostConfig: { UsernsMode: "nonsense" },
  });
  assert.equal(status, 400);
});

test("a container can ask for a user namespace where the engine does not give one", async () => {
  await using plain = await EngineUnderTest.start("10.215.0.1/16");
  await loadBusybox(plain);
  const map = async (...flags: string[]) =>
    (await plain.docker("run", "--rm", ...flags, "test", "cat", "/proc/self/uid_map")).stdout.split(/\s+/);
  assert.equal((await map())[2], "0");
  const [, , base, size] = await map("--security-opt", "userns=auto");
  assert.ok(Number(base) >= 0x7000_0000);
  assert.equal(size, "65536");
});
