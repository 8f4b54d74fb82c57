import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { loadBusybox, makeArchive } from "../support/busybox-image.ts";
import { Authority } from "../support/certificates.ts";
import { checkout, EngineUnderTest } from "../support/engine.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { freePort, htpasswd } from "../support/registry.ts";

const execute = promisify(execFile);

let folder: string;
let archive: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "gantry-clients-"));
  archive = makeArchive(join(folder), "test:latest", {});
});
after(() => rmSync(folder, { recursive: true }));

async function run(program: string, ...words: string[]): Promise<string> {
  const { stdout } = await execute(program, words, { maxBuffer: 1 << 26 });
  return stdout;
}

/** Why a test of a program that this machine has not is left out. */
function without(program: string): string | false {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`]);
    return false;
  } catch {
    return `there is no ${program} here`;
  }
}

test("docker: pushes to and pulls from the engine's own registry, which costs no second copy", async () => {
  const port = await freePort();
  const name = `localhost:${port}/team/test`;
  await using engine = await EngineUnderTest.start("10.227.0.1/16", undefined, [
    `--registry=127.0.0.1:${port}`,
  ]);
  const blobs = () => readdirSync(join(engine.root, "blobs/sha256")).length;
  await loadBusybox(engine);
  await engine.dockerOk("tag", "test", `${name}:1`);
  const pushed = await engine.dockerOk("push", `${name}:1`);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
  await engine.dockerOk("rmi", "test", `${name}:1`);
  const kept = blobs();
  assert.equal(kept, 3); // its manifest, config and compressed layer: the registry's
  await engine.dockerOk("pull", `${name}:1`);
  assert.equal(blobs(), kept);
  assert.equal(await engine.dockerOk("run", "--rm", `${name}@${digest}`, "echo", "hi"), "hi");
  await engine.dockerOk("rmi", "-f", `${name}:1`);
  await engine.stop("SIGKILL");
  await engine.up();
  assert.match(await engine.dockerOk("pull", `${name}:1`), new RegExp(digest ?? "no digest"));
  await engine.dockerOk("rmi", "-f", `${name}@${digest}`);
});

test("docker: a second push of the same layers sends none of them, another repository mounts them", async () => {
  const port = await freePort();
  await using engine = await EngineUnderTest.start("10.228.0.1/16", undefined, [
    `--registry=127.0.0.1:${port}`,
  ]);
  await loadBusybox(engine);
  for (const [name, expected] of [
    ["a", /Pushed/],
    ["a:2", /Layer already exists/],
    ["b", /Mounted from a/],
  ] as const) {
    await engine.dockerOk("tag", "test", `localhost:${port}/${name}`);
    assert.match(await engine.dockerOk("push", `localhost:${port}/${name}`), expected);
  }
});

test("docker: logs in over TLS with a password, and is refused without", async () => {
  const registry = await secureRegistry();
  await using _registry = registry;
  const certificates = join(folder, "certs.d");
  mkdirSync(join(certificates, registry.host), { recursive: true });
  writeFileSync(join(certificates, registry.host, "ca.crt"), readFileSync(join(folder, "server/ca.pem")));
  await using engine = await EngineUnderTest.start("10.229.0.1/16", undefined, [
    "--registry-certs",
    certificates,
  ]);
  await loadBusybox(engine);
  await engine.dockerOk("tag", "test", `${registry.host}/a`);
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CONFIG: join(folder, "docker"),
  };
  const docker = (...words: string[]) => execute("docker", words, { env });
  await assert.rejects(docker("push", `${registry.host}/a`), /no basic auth credentials/);
  await assert.rejects(docker("login", "-u", "u", "-p", "wrong", registry.host), /401 Unauthorized/);
  await docker("login", "-u", "u", "-p", "secret", registry.host);
  await docker("push", `${registry.host}/a`);
  await docker("pull", `${registry.host}/a`);
});

test("docker: where everybody may read, pulls without a password and pushes with one", async () => {
  const passwords = passwordFile();
  await using registry = await OwnRegistry.start(["--htpasswd", passwords, "--anonymous", "read"]);
  await using engine = await EngineUnderTest.start("10.230.0.1/16");
  await loadBusybox(engine);
  await engine.dockerOk("tag", "test", `${registry.host}/a`);
  const config = join(folder, "docker-anonymous");
  const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, DOCKER_CONFIG: config };
  assert.notEqual((await engine.docker("push", `${registry.host}/a`)).code, 0);
  await execute("docker", ["login", "-u", "u", "-p", "secret", registry.host], { env });
  await execute("docker", ["push", `${registry.host}/a`], { env });
  await engine.dockerOk("rmi", `${registry.host}/a`);
  await engine.dockerOk("pull", `${registry.host}/a`);
});

test("gantry manifest: lists are made, annotated, pushed to another repository, and are what docker makes of them", async () => {
  const port = await freePort();
  const name = `127.0.0.1:${port}/team/test`;
  await using engine = await EngineUnderTest.start("10.227.0.1/16", undefined, [
    `--registry=127.0.0.1:${port}`,
  ]);
  await loadBusybox(engine);
  const lists = new Map<string, string>();
  for (const variant of ["one", "two"]) {
    await engine.dockerOk("tag", "test", `${name}:${variant}`);
    await engine.dockerOk("push", `${name}:${variant}`);
  }
  for (const program of ["docker", join(checkout, "bin/gantry")]) {
    const config = mkdtempSync(join(folder, "config-"));
    const manifest = async (...words: string[]) => {
      const env = { ...process.env, DOCKER_CONFIG: config };
      return (await execute(program, ["manifest", ...words], { env })).stdout;
    };
    const target = `127.0.0.1:${port}/team/all:1`;
    await manifest("create", "--insecure", target, `${name}:one`, `${name}:two`);
    await assert.rejects(manifest("create", "--insecure", target, `${name}:one`), /refusing to amend/);
    await manifest("annotate", "--arch=arm64", "--variant=v8", "--os-features=a,b", target, `${name}:two`);
    await assert.rejects(
      manifest("annotate", "--arch=no", target, `${name}:two`),
      /unsupported os\/arch combination: \/no/,
    );
    const kept = await manifest("inspect", "--verbose", target);
    const pushed = await manifest("push", "--insecure", "--purge", target);
    await assert.rejects(manifest("rm", target), /No such manifest/);
    const there = await manifest("inspect", "--insecure", target);
    lists.set(program, [kept, pushed, there].join("\n"));
    assert.match(pushed, /^Pushed ref .*\n(?:.*\n)?sha256:[0-9a-f]{64}\n$/);
    assert.match(there, /"variant": "v8"/);
  }
  const [theirs, ours] = lists.values();
  assert.equal(ours, theirs);
  await engine.dockerOk("rmi", "-f", `${name}:one`, `${name}:two`, "test");
});

test("skopeo: copies in and out, lists, inspects, deletes", { skip: without("skopeo") }, async () => {
  await using registry = await OwnRegistry.start();
  const image = `docker://${registry.host}/a/test:1`;
  await run("skopeo", "copy", "--dest-tls-verify=false", `docker-archive:${archive}`, image);
  await run(
    "skopeo",
    "copy",
    "--src-tls-verify=false",
    "--dest-tls-verify=false",
    "--format",
    "oci",
    image,
    `${image}-oci`,
  );
  await run("skopeo", "copy", "--src-tls-verify=false", `${image}-oci`, `oci:${join(folder, "layout")}:1`);
  await run(
    "skopeo",
    "copy",
    "--dest-tls-verify=false",
    `oci:${join(folder, "layout")}:1`,
    image.replace("a/test", "b"),
  );
  const { Tags } = JSON.parse(
    await run("skopeo", "list-tags", "--tls-verify=false", `docker://${registry.host}/a/test`),
  ) as { Tags: string[] };
  assert.deepEqual(Tags, ["1", "1-oci"]);
  await run("skopeo", "delete", "--tls-verify=false", image);
  await assert.rejects(run("skopeo", "inspect", "--tls-verify=false", image), /manifest unknown/);
  await run("skopeo", "inspect", "--tls-verify=false", `${image}-oci`);
});

test("skopeo: over TLS with a password", { skip: without("skopeo") }, async () => {
  await using registry = await secureRegistry();
  const words = [
    "copy",
    "--dest-cert-dir",
    join(folder, "skopeo-certs"),
    `docker-archive:${archive}`,
    `docker://${registry.host}/a:1`,
  ];
  mkdirSync(join(folder, "skopeo-certs"), { recursive: true });
  writeFileSync(join(folder, "skopeo-certs/ca.crt"), readFileSync(join(folder, "server/ca.pem")));
  await assert.rejects(run("skopeo", ...words), /unauthorized|authentication required/);
  await run("skopeo", ...words, "--dest-creds", "u:secret");
});

test("podman: pushes and pulls", { skip: without("podman") }, async () => {
  await using registry = await OwnRegistry.start(["--htpasswd", passwordFile(), "--anonymous", "read"]);
  const store = [
    "--root",
    join(folder, "podman"),
    "--runroot",
    join(folder, "podman-run"),
    "--storage-driver",
    "vfs",
  ];
  const podman = (...words: string[]) => run("podman", ...store, ...words);
  const image = `${registry.host}/pod/test:1`;
  await podman("load", "-i", archive);
  await podman("tag", "localhost/test:latest", image);
  await assert.rejects(podman("push", "--tls-verify=false", image));
  await podman("push", "--tls-verify=false", "--creds", "u:secret", image);
  await podman("rmi", "-f", image);
  await podman("pull", "--tls-verify=false", image);
});

function passwordFile(): string {
  const path = join(folder, "users");
  writeFileSync(path, htpasswd);
  return path;
}

async function secureRegistry(): Promise<OwnRegistry> {
  const server = join(folder, "server");
  rmSync(server, { recursive: true, force: true });
  mkdirSync(server);
  new Authority(join(server, "ca")).issue(server, { name: "registry", usage: "serverAuth" });
  const files = ["--tlscert", join(server, "cert.pem"), "--tlskey", join(server, "key.pem")];
  return await OwnRegistry.start([...files, "--htpasswd", passwordFile()]);
}
