import assert from "node:assert/strict";
import { execFile, execFileSync, spawn, type SpawnOptions } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
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
import { setTimeout as sleep } from "node:timers/promises";
import { instanceName } from "#base/instance-name.ts";
import { makeArchive } from "../support/busybox-image.ts";
import { echoDisk } from "../support/echo-disk.ts";
import { checkout } from "../support/engine.ts";
import { HypervisorUnderTest } from "../support/hypervisor.ts";

// `gantry vm` against a real hypervisor. The machines have no system: their disk echoes the serial port.

let hypervisor: HypervisorUnderTest;
let disk: string;

before(async () => {
  hypervisor = await HypervisorUnderTest.start();
  disk = join(hypervisor.folder, "echo.raw");
  writeFileSync(disk, echoDisk());
  keepSchema(hypervisor.root);
});
after(async () => await hypervisor[Symbol.asyncDispose]());

/** As if cloud-init's package had been here once: tests have no network. */
function keepSchema(root: string): void {
  const folder = join(root, "bootstrap");
  mkdirSync(folder, { recursive: true });
  copyFileSync(
    join(checkout, "cli/vm/user-data/cloud-init-schema.fixture.json"),
    join(folder, "cloud-init-schema.json"),
  );
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function gantry(
  words: readonly string[],
  place: { readonly root: string; readonly run: string } = hypervisor,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const own = { GANTRY_ROOT: place.root, GANTRY_RUN: place.run, SC_HOST: "", SC_PASSWORD: "", ...env };
  const child = execFile(
    join(checkout, "bin/gantry"),
    [...words],
    { env: { ...process.env, ...own } },
    (error, out, err) => resolve({ code: typeof error?.code === "number" ? error.code : 0, out, err }),
  );
  child.stdin?.end();
  return await promise;
}

/** What a command prints that has to work. */
async function vm(...words: readonly string[]): Promise<string> {
  const { code, out, err } = await gantry(["vm", ...words]);
  assert.equal(code, 0, `gantry vm ${words.join(" ")}: ${err}`);
  return out.trimEnd();
}

const hardware = ["-m", "64m"] as const;
const uuidLine = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;

test("create, start, ls, inspect, stop, delete: the life of a machine", async () => {
  const uuid = await vm(
    "create",
    ...hardware,
    "--cpus",
    "2",
    "--disk",
    "3m",
    "--tag",
    "a",
    "--tag",
    "b",
    "one",
  );
  assert.match(uuid, uuidLine);
  assert.equal(
    await vm("ls", "--format", "{{.Name}} {{.State}} {{.CPUs}} {{.Memory}} {{.Disk}} {{.Tags}}"),
    "one SHUTOFF 2 64MiB 3MiB a,b",
  );
  assert.match(await vm("ls"), /^NAME +STATE +ADDRESS +CPUS +MEMORY +DISK +CREATED +UUID\none /);
  const again = await gantry(["vm", "create", "one"]);
  assert.deepEqual([again.code, again.out], [1, ""]);
  assert.match(again.err, /^gantry: there is a machine one already\n$/);
  assert.equal(await vm("update", "--name", "uno", "--disk", "4m", "--cpus", "1", "one"), "one");
  assert.equal(await vm("ls", "--format", "{{.Name}} {{.CPUs}} {{.Disk}}"), "uno 1 4MiB");
  assert.match((await gantry(["vm", "update", "--disk", "1m", "uno"])).err, /a disk only grows/);
  await vm("update", "--name", "one", "uno");
  assert.equal(await vm("start", "one"), "one");
  assert.equal(await vm("ls", "-q", "--filter", "state=running", "--filter", "tag=b"), uuid);
  assert.equal(await vm("ls", "-q", "--filter", "state=shutoff"), "");
  assert.equal(await vm("pause", "one"), "one");
  assert.equal(await vm("inspect", "--format", "{{.name}} {{.state}}", uuid.slice(0, 8)), "one PAUSED");
  assert.equal(await vm("start", "one"), "one");
  const stuck = await gantry(["vm", "stop", "--timeout", "1", "one", "nosuch"]);
  assert.equal(stuck.code, 1);
  assert.match(
    stuck.err,
    /one has not shut down in 1 s; --force cuts its power\nthere is no machine nosuch\n/,
  );
  const running = await gantry(["vm", "delete", "one"]);
  assert.deepEqual([running.code, running.out], [1, ""]);
  assert.equal(await vm("stop", "--force", "one"), "one");
  assert.equal(await vm("delete", "one"), "one");
  assert.equal(await vm("ls", "-q"), "");
});

test("image: a file is uploaded once, and machines share it", async () => {
  const first = await vm("create", ...hardware, "--image", disk, "--disk", "8m", "from-file");
  const second = await vm("create", ...hardware, "--image", disk, "from-file-too");
  const names = (await vm("image", "ls", "--format", "{{.Name}} {{.Kind}} {{.Size}}")).split("\n");
  const library = names.filter((name) => name.startsWith("echo-"));
  assert.match(library[0] ?? "", /^echo-[\da-f]{12}\.raw disk 1MiB$/);
  assert.equal(library.length, 1);
  const [name = ""] = library[0]?.split(" ") ?? [];
  const third = await vm("create", ...hardware, "--image", name, "from-library");
  for (const [uuid, size] of [
    [first, 8 << 20],
    [second, 1 << 20],
    [third, 1 << 20],
  ] as const)
    assert.equal((await hypervisor.vm(uuid)).blockDevs[0].capacity, size);
  const { userData } = (await hypervisor.vm(first)).cloudInitData;
  assert.match(
    Buffer.from(userData, "base64").toString(),
    /^#cloud-config\nhostname: from-file\n[^]*- ssh-ed25519 /,
  );
  assert.match(await vm("image", "upload", disk, "other.raw"), uuidLine);
  assert.equal((await gantry(["vm", "image", "upload", disk, "other.raw"])).code, 1);
  assert.equal(await vm("image", "delete", "other.raw", name), `other.raw\n${name}`);
  await vm("delete", "from-file", "from-file-too", "from-library");
  const iso = join(hypervisor.folder, "installer.iso");
  writeFileSync(iso, "medium");
  const installed = await vm(
    "create",
    ...hardware,
    "--firmware",
    "uefi",
    "--image",
    iso,
    "--start",
    "installed",
  );
  const { state, machineTypeKeyword, blockDevs, bootDevices } = await hypervisor.vm(installed);
  assert.deepEqual([state, machineTypeKeyword], ["RUNNING", "uefi"]);
  const types = blockDevs.map(({ type }: { type: string }) => type);
  assert.deepEqual(types, ["VIRTIO_DISK", "IDE_CDROM", "NVRAM"]);
  assert.deepEqual(bootDevices, [blockDevs[0].uuid, blockDevs[1].uuid]);
  assert.match(blockDevs[1].name, /^installer-[\da-f]{12}\.iso$/);
  await vm("delete", "--force", "installed");
});

test("clone and snapshots: machines from what one is, and from what it was", async () => {
  await vm("create", ...hardware, "--disk", "2m", "--start", "origin");
  assert.match(await vm("snapshot", "create", "origin", "first"), uuidLine);
  await vm("snapshot", "create", "origin");
  assert.equal(await vm("snapshot", "ls", "--format", "{{.Number}}:{{.Label}}", "origin"), "1:first\n2:");
  const clone = await vm("clone", "--start", "--cpus", "3", "--tag", "copy", "origin", "copy");
  const copied = await hypervisor.vm(clone);
  assert.deepEqual([copied.state, copied.numVCPU, copied.tags], ["RUNNING", 3, "copy"]);
  const was = await vm("snapshot", "restore", "origin", "first", "was");
  assert.equal((await hypervisor.vm(was)).blockDevs[0].capacity, 2 << 20);
  assert.equal(
    (await gantry(["vm", "clone", "--snapshot", "third", "origin", "x"])).err,
    "gantry: there is no snapshot third\n",
  );
  assert.equal((await gantry(["vm", "clone", "origin", "was"])).code, 1);
  assert.equal(await vm("snapshot", "delete", "origin", "2", "first"), "2\nfirst");
  assert.equal(await vm("snapshot", "ls", "-q"), "");
  await vm("delete", "--force", "origin", "copy", "was");
});

/** Types until what it typed is on the screen: who types before the machine listens is not heard. */
async function typeUntilEchoed(child: ReturnType<typeof spawn>, screen: () => string): Promise<void> {
  if (child.spawnfile === "script") while (!screen().includes("leaves.")) await sleep(20);
  for (let i = 0; !/hello\d/.test(screen()); i++) {
    child.stdin?.write(`hello${i % 10}`);
    await sleep(100);
  }
}

test("console: the serial port, on a terminal and without one, until it is left or the machine is off", async () => {
  const options: SpawnOptions = {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, GANTRY_ROOT: hypervisor.root, GANTRY_RUN: hypervisor.run, TERM: "xterm" },
  };
  const follow = (child: ReturnType<typeof spawn>) => {
    let screen = "";
    child.stdout?.on("data", (bytes: Buffer) => (screen += bytes.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    return { screen: () => screen, ended };
  };
  await vm("create", ...hardware, "--image", disk, "--no-cloud-init", "echo");
  const off = await gantry(["vm", "console", "echo"]);
  assert.deepEqual([off.code, off.err], [1, "gantry: echo does not run\n"]);
  await vm("start", "echo");
  assert.match(
    await vm("console", "--vnc", "echo"),
    /^wss:\/\/127\.0\.0\.1:\d+\/console\/[\da-f-]{36}\/vnc$/,
  );

  const program = join(checkout, "bin/gantry");
  const terminal = spawn("script", ["-qec", `exec ${program} vm console echo`, "/dev/null"], options);
  const shown = follow(terminal);
  await typeUntilEchoed(terminal, shown.screen);
  assert.match(shown.screen(), /Connected to echo\. ctrl-\] leaves\./);
  terminal.stdin?.write("\u001d");
  assert.equal(await shown.ended, 0);

  const piped = spawn(program, ["vm", "console", "echo"], options);
  const read = follow(piped);
  await typeUntilEchoed(piped, read.screen);
  piped.stdin?.end();
  await vm("stop", "--force", "echo");
  assert.equal(await read.ended, 0);
  await vm("delete", "echo");
});

test("ssh: to the address that a machine was leased, with the key that it was given", async () => {
  const bin = join(hypervisor.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "ssh"), '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n');
  chmodSync(join(bin, "ssh"), 0o755);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  const uuid = await vm("create", ...hardware, "--image", disk, "leased");
  const off = await gantry(["vm", "ssh", "leased"], hypervisor, env);
  assert.deepEqual([off.code, off.err], [1, "gantry: leased does not run\n"]);
  // Its firmware asks for an address, to boot from the network.
  const { netDevs } = await hypervisor.vm(uuid);
  await hypervisor.done("PATCH", `/VirDomain/${uuid}`, { bootDevices: [netDevs[0].uuid] });
  await vm("start", "leased");
  const { code, out, err } = await gantry(["vm", "ssh", "me@leased", "echo", "a b"], hypervisor, env);
  assert.equal(code, 7, err);
  const args = out.trimEnd().split("\n");
  assert.deepEqual(args.slice(-2), ["echo", "a b"]);
  assert.match(args.at(-3) ?? "", /^10\.98\.\d+\.\d+$/);
  assert.deepEqual(args.slice(-6, -3), ["-l", "me", "--"]);
  for (const option of [`HostKeyAlias=${uuid}`, "StrictHostKeyChecking=accept-new", "IdentitiesOnly=yes"])
    assert.ok(args.includes(option), option);
  const identity = args[args.indexOf("-i") + 1] ?? "";
  const { userData } = (await hypervisor.vm(uuid)).cloudInitData;
  const publicKey = readFileSync(`${identity}.pub`, "utf8").trim();
  assert.ok(Buffer.from(userData, "base64").toString().includes(publicKey));
  assert.equal(await vm("ls", "--format", "{{.Address}}"), args.at(-3));
  await vm("delete", "--force", "leased");
});

test("who is asked, and who asks: nobody is trusted that is not signed for, and no password is given away", async () => {
  const url = `https://127.0.0.1:${hypervisor.port}`;
  const unsigned = await gantry(["vm", "ls", "--api", url, "--api-ca", "/etc/hostname"]);
  assert.equal(unsigned.code, 1);
  const ca = join(hypervisor.folder, "other-ca.crt");
  const keyPath = join(hypervisor.folder, "other.key");
  const subject = ["-subj", "/CN=other", "-days", "1", "-nodes"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ed25519", ...subject, "-keyout", keyPath, "-out", ca],
    { stdio: "pipe" },
  );
  const other = await gantry(["vm", "ls", "--api", url, "--api-ca", ca], hypervisor, { SC_PASSWORD: "x" });
  assert.equal(other.code, 1);
  assert.match(
    other.err,
    /cannot connect to the hypervisor at https:\/\/127\.0\.0\.1:\d+: .*(certificate|signature)/,
  );
  const nobody = await gantry(["vm", "ls", "--api", url]);
  assert.match(nobody.err, /there is no password for the hypervisor: set SC_PASSWORD/);
  const env = { SC_HOST: url, SC_USERNAME: "admin", SC_PASSWORD: hypervisor.password };
  assert.equal((await gantry(["vm", "ls", "-q"], hypervisor, env)).code, 0);
  const wrong = await gantry(["vm", "ls"], hypervisor, { ...env, SC_PASSWORD: "wrong" });
  assert.deepEqual([wrong.code, wrong.out], [1, ""]);
  assert.match(wrong.err, /^gantry: /);
});

test("deploy: says what it would do, refuses what makes no sense, and leaves a silent machine for who looks into it", async () => {
  const run = ["--run", "web:1", "-p", "8080:80"];
  const printed = await gantry(["vm", "deploy", "--print", ...run, "-e", "A=b\nc", "quiet", "serve"]);
  assert.equal(printed.code, 0, printed.err);
  assert.match(printed.out, /^#cloud-config\nhostname: quiet\n/);
  assert.match(printed.out, /--env "A=b\\x0ac" web:1 serve\n/);
  const refusal = async (...words: string[]) => (await gantry(["vm", "deploy", ...words])).err;
  assert.match(await refusal("x"), /--run says which container image/);
  assert.match(await refusal("--runtime", "podman", ...run, "x"), /there is no runtime podman/);
  assert.match(await refusal(...run, "x_y"), /x_y is no host name/);
  assert.match(await refusal("--packages", "--image", disk, ...run, "x"), /no package of gantry/);
  assert.match(
    await refusal(...run, "quiet"),
    /gantry-os-gantry\.qcow2 is not there: make it with 'gantry os build/,
  );
  assert.equal(await vm("ls", "-q"), "");
  const late = await gantry([
    "vm",
    "deploy",
    ...hardware,
    "--image",
    disk,
    "--timeout",
    "2",
    ...run,
    "quiet",
  ]);
  assert.equal(late.code, 1);
  assert.match(late.err, /^disk +echo-[\da-f]{12}\.raw /m);
  assert.match(late.err, /^image +web:1 is pulled by the machine/m);
  assert.match(late.err, /^machine +quiet started/m);
  assert.match(late.err, /^gantry: no address in 2 seconds; see: gantry vm console quiet$/m);
  assert.equal(await vm("ls", "--format", "{{.Name}} {{.State}}"), "quiet RUNNING");
  await vm("delete", "--force", "quiet");
});

test("completion: machines that the command can be used with", async () => {
  await vm("create", ...hardware, "--disk", "1m", "lazy");
  await vm("create", ...hardware, "--disk", "1m", "--start", "busy");
  const answer = async (...words: string[]) => (await gantry(["__completeNoDesc", "vm", ...words, ""])).out;
  assert.equal(await answer("start"), "lazy\n:4\n");
  assert.equal(await answer("stop"), "busy\n:4\n");
  assert.match(await answer("clone"), /^(busy\nlazy|lazy\nbusy)\n:4\n$/);
  await vm("delete", "--force", "lazy", "busy");
});

test("up, status, down: a hypervisor in the background, its machines' images from the engine beside it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-up-"));
  const place = { root: join(folder, "root"), run: join(folder, "run") };
  const own = async (...words: readonly string[]) => {
    const outcome = await gantry(words, place);
    assert.equal(outcome.code, 0, `${words.join(" ")}: ${outcome.err}`);
    return outcome.out;
  };
  keepSchema(place.root);
  const cidr = ["--bridge-cidr", "10.217.0.1/16"];
  let down = "";
  let isFileLeft = false;
  try {
    assert.match(
      (await gantry(["vm", "ls"], place)).err,
      /the hypervisor is not running; start it with: gantry up --hypervisor/,
    );
    const flags = ["--hypervisor", "--no-link", "--no-cluster", ...cidr];
    for (const words of [
      ["--listen", ":1"],
      ["--hypervisor", "--foreground"],
    ])
      assert.equal((await gantry(["up", "--no-link", ...words], place)).code, 1, words.join(" "));
    const elsewhere = await gantry(["up", ...flags, "--listen", "203.0.113.1:8443"], place);
    assert.equal(elsewhere.code, 1);
    assert.match(
      elsewhere.err,
      /the hypervisor did not start; .*hypervisor\.log ends with:[^]*203\.0\.113\.1/,
    );
    const up = ["up", ...flags, "--listen", "127.0.0.1:0"];
    assert.match(await own(...up), /^hypervisor up on https:\/\/127\.0\.0\.1:\d+, (kvm|tcg) \(/m);
    assert.match(await own(...up), /^hypervisor is already up on /m);
    await own(
      "-H",
      `unix://${place.run}/docker.sock`,
      "load",
      "-q",
      "-i",
      makeArchive(folder, "web:1", {}, () => {}),
    );
    const image = join(folder, "echo.raw");
    writeFileSync(image, echoDisk());
    const words = ["vm", "deploy", ...hardware, "--image", image, "--timeout", "1", "--run", "web:1", "web"];
    const late = await gantry(words, place);
    assert.match(late.err, /^image +web:1 on a CD-ROM of [\d.]+MB \(/m);
    const [{ uuid, name } = { uuid: "", name: "" }] = JSON.parse(await own("vm", "inspect", "web"))[0]
      .blockDevs.filter(({ name: drive }: { name: string }) => drive.startsWith("gantry-image-"))
      .map(({ path, name: drive }: { path: string; name: string }) => ({ uuid: path.slice(7), name: drive }));
    assert.match(name, /^gantry-image-[\da-f]{16}\.iso$/);
    const medium = readFileSync(join(place.root, `hypervisor/disks/${uuid}.iso`));
    assert.equal(medium.toString("latin1", 16 * 2048 + 40, 16 * 2048 + 52), "GANTRY-IMAGE");
    assert.match(
      execFileSync("tar", ["-t"], { input: medium.subarray(25 * 2048) }).toString(),
      /manifest\.json/,
    );
    const second = await gantry([...words.slice(0, -1), "web2"], place);
    assert.match(second.err, /^image +web:1 on a CD-ROM of .*, which is in the library/m);
    const status = JSON.parse(await own("status", "--json"));
    assert.match(status.hypervisor.accelerator, /^(kvm|tcg)$/);
    assert.deepEqual([status.hypervisor.machines, status.hypervisor.machinesRunning], [2, 2]);
    assert.match(
      await own("status"),
      /^hypervisor +(KVM|TCG \(emulated\)) on https:.*, running \(pid \d+\)\nmachines +2 running, 2 in all$/m,
    );
    await own("vm", "delete", "--force", "web");
    assert.match(await own("vm", "image", "ls"), /gantry-image-/);
    await own("vm", "delete", "--force", "web2");
    assert.doesNotMatch(await own("vm", "image", "ls"), /gantry-image-/);
    await own("vm", "create", ...hardware, "--disk", "1m", "--start", "left");
  } finally {
    down = (await gantry(["down", "-t", "0"], place)).out;
    isFileLeft = existsSync(join(place.run, "hypervisor.json"));
    rmSync(folder, { recursive: true, force: true });
  }
  assert.match(down, /^1 machine stopped\nhypervisor stopped\n(.*\n)*engine stopped\n$/);
  assert.equal(isFileLeft, false);
  const [, number = "none"] = /-([\da-f]{6})$/.exec(instanceName(place.root)) ?? [];
  assert.deepEqual(
    readdirSync("/sys/class/net").filter((link) => link.startsWith(`g${number}`)),
    [],
  );
});
